// One step of an optimizer as the library records it, over segments with gaps between them: for the tests of
// the CPU backend alone and of both backends together.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "core/op.h"

namespace adastep::test {

// Numbers in [low, high), the same in every run.
std::vector<float> numbers(int64_t n, float low = -2, float high = 2);

// A rule with hyper-parameters in the order of its Hyper, and its Running at the start.
struct RuleRow {
  RuleId id;
  std::vector<double> hyper, running;
  std::string name() const { return kRuleNames[static_cast<int>(id)]; }
};
// Every rule at least once.
const std::vector<RuleRow>& rule_rows();
const RuleRow& row_of(RuleId id);

// No clipping, no guard, nothing to watch.
Settings plain_settings();

struct StepOptions {
  std::vector<int64_t> lengths;  // of the segments
  int64_t groups = 1;            // segment i is of group i % groups, whose lr is smaller with each
  int64_t shift = 0;             // elements by which parameters and gradients are out of alignment
  // Elements, a multiple of kTile, that the spans are longer than there is memory: places are so far from
  // where they are said to start. With `tail` they belong to the one segment, whose last tiles alone are
  // updated.
  int64_t far = 0;
  bool tail = false;
  DType dtype = DType::kF32, state_type = DType::kF32;
  bool average = false, copy = false, partial = true;
  bool norm_first = false;                        // sums of the gradient before Advance
  bool tensor_norm = false, trust_ratio = false;  // Settle makes factors, scales
  bool update_rms = false;
  Settings settings = plain_settings();
  int64_t slots = 0;
  float loss = NAN;  // NaN: there is none
};

// Memory of a step. What is not used is empty, and no operation gets its address.
enum Memory {
  kTable,
  kHyper,
  kRunning,
  kSettings,
  kGuard,
  kSnapshots,
  kLoss,
  kNorm,
  kPrepared,
  kFactors,
  kScales,
  kG,
  kP,
  kState,
  kLargest = kState + kMaxStates,
  kAverage = kLargest + kMaxPackedStates,
  kCopy,
  kPartial,
  kSegmentSums,
  kTotals,
  kRing,
  kKept,  // what is committed of the last state, by rules that gather
  kMemories
};
struct Image {
  std::vector<char> bytes;
  DType dtype = DType::kU8;

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(bytes.data());
  }
  template <class T>
  const T* as() const {
    return reinterpret_cast<const T*>(bytes.data());
  }
  size_t count() const { return bytes.size() / static_cast<size_t>(size_of(dtype)); }
};
using Images = std::vector<Image>;

class StepCase {
 public:
  StepCase(const RuleRow& row, const StepOptions& options);

  const RuleRow row;
  const StepOptions options;
  int64_t count, tiles, p_size, g_size, state_size;
  Images images;  // before the step

  // The operations of one step, on memory at these addresses.
  std::vector<Op> ops(const std::vector<void*>& at) const;
  // The same, `times` over.
  std::vector<Op> ops(const std::vector<void*>& at, int times) const;
  Update update(const std::vector<void*>& at) const;
  // Which elements of p (or, with kG, of g; with kState, of a state) belong to a segment.
  std::vector<bool> owned(Memory memory) const;
  Segment segment(int64_t index) const;

 private:
  template <class T>
  T* set(int memory, size_t n, DType dtype);
  void lay_out();
  std::vector<void*> starts(const std::vector<void*>& given) const;
  FoldSums fold(const std::vector<void*>& at, int64_t columns, bool if_watched) const;
  Settle settle(const std::vector<void*>& at, SettleFn fn, Memory to) const;
};

}  // namespace adastep::test
