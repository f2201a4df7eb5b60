// The same memory and the same operations on the CPU and on the GPU, and the comparison of what they left.
#pragma once
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "core/backend.h"
#include "core/rules/all.h"

namespace adastep::test {

enum Side { kCpu, kCuda };

// Counts failures and prints each.
struct Report {
  int checks = 0, failures = 0;
  void expect(bool holds, const std::string& what);
};

class Twin;

// Memory that exists on both sides, `shift` elements into its allocation (for unaligned cases).
template <class T>
class Slot {
 public:
  T* on(Side side) const { return data_[side]; }

 private:
  friend class Twin;
  T* data_[2];
};

class Twin {
 public:
  Twin(Report& report, Backend& cpu, Backend& cuda, uint32_t seed)
      : random(seed), report_(report), backends_{&cpu, &cuda} {}
  ~Twin();
  Twin(const Twin&) = delete;
  Twin& operator=(const Twin&) = delete;

  template <class T>
  Slot<T> slot(const std::vector<T>& values, size_t shift = 0) {
    const size_t bytes = (values.size() + shift) * sizeof(T);
    std::vector<char> image(bytes);
    if (!values.empty())
      std::memcpy(image.data() + shift * sizeof(T), values.data(), values.size() * sizeof(T));
    const Memory& memory = add(image, std::is_floating_point_v<T> ? sizeof(T) : 1);
    Slot<T> slot;
    for (int side : {kCpu, kCuda}) slot.data_[side] = reinterpret_cast<T*>(memory.data[side]) + shift;
    return slot;
  }

  // Normal numbers of many magnitudes; with `special`, zeros of both signs, infinities, NaN and denormals
  // too.
  std::vector<float> floats(int64_t n, bool special = false);
  std::vector<int32_t> integers(int64_t n, int32_t low, int32_t high);

  // What a slot of n values holds.
  template <class T>
  std::vector<T> values(const Slot<T>& slot, size_t n, Side side) const {
    std::vector<T> values(n);
    read(slot.on(side), values.data(), n * sizeof(T), side);
    return values;
  }

  // Runs the list that `ops` makes for each side.
  void execute(const std::function<std::vector<Op>(Side)>& ops);
  // The same, and compares all memory: equal bits, or NaN on both sides.
  void run(const std::string& name, const std::function<std::vector<Op>(Side)>& ops);
  // The same, recorded and replayed on the GPU.
  void replay(const std::string& name, int times, const std::function<std::vector<Op>(Side)>& ops);

  // What both sides found wrong so far, after all of it has run.
  void compare_faults(const std::string& name);

  Backend& backend(Side side) const { return *backends_[side]; }
  std::mt19937 random;

 private:
  struct Memory {
    char* data[2];
    size_t bytes, float_bytes;  // 4 or 8: NaN compares equal; 1: bytes
  };
  const Memory& add(const std::vector<char>& image, size_t float_bytes);
  void read(const void* device, void* host, size_t bytes, Side side) const;
  void compare(const std::string& name);

  Report& report_;
  Backend* const backends_[2];
  std::vector<std::unique_ptr<Memory>> memory_;
};

void fill_cases(Report& report, Backend& cpu, Backend& cuda);
void copy_cases(Report& report, Backend& cpu, Backend& cuda);
void strided_cases(Report& report, Backend& cpu, Backend& cuda);
void cast_cases(Report& report, Backend& cpu, Backend& cuda);
void random_cases(Report& report, Backend& cpu, Backend& cuda);
void dropout_cases(Report& report, Backend& cpu, Backend& cuda);
void unary_cases(Report& report, Backend& cpu, Backend& cuda);
void binary_cases(Report& report, Backend& cpu, Backend& cuda);
void reduce_cases(Report& report, Backend& cpu, Backend& cuda);
void argmax_cases(Report& report, Backend& cpu, Backend& cuda);
void label_rank_cases(Report& report, Backend& cpu, Backend& cuda);
void softmax_cases(Report& report, Backend& cpu, Backend& cuda);
void cross_entropy_cases(Report& report, Backend& cpu, Backend& cuda);
void layer_norm_cases(Report& report, Backend& cpu, Backend& cuda);
void layer_norm_long_cases(Report& report, Backend& cpu, Backend& cuda);
void embedding_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_small_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_medium_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_huge_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_large_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_bf16_small_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_bf16_medium_cases(Report& report, Backend& cpu, Backend& cuda);
void gemm_bf16_large_cases(Report& report, Backend& cpu, Backend& cuda);
void sums_cases(Report& report, Backend& cpu, Backend& cuda);
void advance_cases(Report& report, Backend& cpu, Backend& cuda);
void update_size_cases(Report& report, Backend& cpu, Backend& cuda);
void update_guard_cases(Report& report, Backend& cpu, Backend& cuda);
void update_table_cases(Report& report, Backend& cpu, Backend& cuda);
void update_rule_cases(Report& report, Backend& cpu, Backend& cuda, RuleId rule);
void clip_cases(Report& report, Backend& cpu, Backend& cuda);
void sort_cases(Report& report, Backend& cpu, Backend& cuda);
void row_gradient_cases(Report& report, Backend& cpu, Backend& cuda);
void sparse_lazy_cases(Report& report, Backend& cpu, Backend& cuda);
void sparse_row_wise_cases(Report& report, Backend& cpu, Backend& cuda);
void sparse_catch_up_cases(Report& report, Backend& cpu, Backend& cuda);
void unfold_cases(Report& report, Backend& cpu, Backend& cuda);
void max_pool_cases(Report& report, Backend& cpu, Backend& cuda);
void accumulate_cases(Report& report, Backend& cpu, Backend& cuda);
void spread_cases(Report& report, Backend& cpu, Backend& cuda);
void bag_cases(Report& report, Backend& cpu, Backend& cuda);
void backend_cases(Report& report, Backend& cpu, Backend& cuda);
void lost_cases(Report& report, Backend& cpu, Backend& cuda);

}  // namespace adastep::test
