#include "core/decode.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "core/error.h"

namespace adastep {

namespace {

constexpr double kMaxInteger = 9007199254740991.0;  // 2^53 - 1: JavaScript's largest exact integer

std::string text_of(double value) {
  std::ostringstream out;
  out.precision(17);
  out << value;
  return out.str();
}

template <class T>
constexpr int64_t kElementBytes = sizeof(T);
template <>
constexpr int64_t kElementBytes<Raw> = 1;

class Decoder {
 public:
  Decoder(const double* words, size_t count, const std::vector<std::shared_ptr<Storage>>& buffers)
      : words_(words), count_(count), buffers_(buffers) {}

  bool ended() const { return at_ == count_; }

  // Appends the next operation, unless it writes nothing: a count of rows of no elements may be as large as
  // it likes.
  void next(std::vector<Op>& ops) {
    op_ = "operation " + std::to_string(place_++);
    switch (integer("opcode", 0, kOpCount - 1)) {
#define ADASTEP_DECODE(type) \
  case op_index<type>():     \
    return append<type>(ops);
      ADASTEP_FOR_EACH_OP(ADASTEP_DECODE)
#undef ADASTEP_DECODE
    }
  }

  // --- what an operation's visit calls ---
  template <class E, size_t N>
  void choice(const char* name, E& field, const char* const (&names)[N]) {
    (void)names;
    field = static_cast<E>(integer(name, 0, static_cast<double>(N) - 1));
  }
  void count(const char* name, int64_t& field) { field = integer(name, 0, kMaxInteger); }
  void real(const char* name, double& field) { (void)name, field = word(name); }
  void real(const char* name, float& field) { field = static_cast<float>(word(name)); }
  void flag(const char* name, bool& field) { field = integer(name, 0, 1) != 0; }
  void dims(const char* name, Dims& field) {
    for (int64_t& d : field.d) d = integer(name, 0, kMaxInteger);
  }
  void check(bool holds, const char* name, const char* accepted) {
    if (!holds) refuse(name, "a value outside", accepted);
  }
  template <class T>
  void span(const char* name, In<T>& field, int64_t count, Aliasing aliasing = Aliasing::kNever) {
    field.data = static_cast<const T*>(locate(name, count, kElementBytes<T>, {false, false, aliasing}));
  }
  template <class T>
  void span(const char* name, Out<T>& field, int64_t count) {
    field.data = static_cast<T*>(locate(name, count, kElementBytes<T>, {false, true}));
  }
  template <class T>
  void span(const char* name, InOut<T>& field, int64_t count) {
    field.data = static_cast<T*>(locate(name, count, kElementBytes<T>, {false, true}));
  }
  void span(const char* name, In<Raw>& field, int64_t count, DType dtype) {
    field.data = static_cast<const Raw*>(locate(name, count, size_of(dtype), {false, false}));
  }
  void span(const char* name, InOut<Raw>& field, int64_t count, DType dtype) {
    field.data = static_cast<Raw*>(locate(name, count, size_of(dtype), {false, true}));
  }
  void span(const char* name, Out<Raw>& field, int64_t count, DType dtype) {
    field.data = static_cast<Raw*>(locate(name, count, size_of(dtype), {false, true}));
  }
  template <class T>
  void optional(const char* name, In<T>& field, int64_t count) {
    field.data = static_cast<const T*>(locate(name, count, kElementBytes<T>, {true, false}));
  }
  template <class T>
  void optional(const char* name, InOut<T>& field, int64_t count) {
    field.data = static_cast<T*>(locate(name, count, kElementBytes<T>, {true, true}));
  }

  void optional(const char* name, InOut<Raw>& field, int64_t count, DType dtype) {
    field.data = static_cast<Raw*>(locate(name, count, size_of(dtype), {true, true}));
  }

 private:
  struct Access {
    bool may_be_absent, written;
    Aliasing aliasing = Aliasing::kNever;
  };
  struct Range {
    const char* name;
    const char* begin;
    int64_t bytes;
    bool written;
    Aliasing aliasing;
  };

  [[noreturn]] void refuse(const std::string& name, const std::string& got,
                           const std::string& accepted) const {
    throw Error(ErrorCode::kArgument, op_ + ": '" + name + "'", got, accepted);
  }

  double word(const char* name) {
    if (at_ == count_) refuse(name, "the end of the list", "one more word");
    return words_[at_++];
  }

  int64_t integer(const char* name, double low, double high) {
    const double value = word(name);
    if (!(value >= low && value <= high) || value != std::floor(value)) {
      refuse(name, text_of(value), "an integer from " + text_of(low) + " to " + text_of(high));
    }
    return static_cast<int64_t>(value);
  }

  template <class T>
  void append(std::vector<Op>& ops) {
    op_ = T::kName;
    ranges_.clear();
    T op{};
    op.visit(*this);
    check_overlaps();
    const auto written = [](const Range& range) { return range.written; };
    if (std::any_of(ranges_.begin(), ranges_.end(), written)) ops.push_back(op);
  }

  void* locate(const char* name, int64_t count, int64_t element, const Access& access) {
    const int64_t index =
        integer(name, access.may_be_absent ? -1 : 0, static_cast<double>(buffers_.size()) - 1);
    const int64_t offset = integer(name, 0, kMaxInteger);
    if (index < 0) return nullptr;
    const Storage& buffer = *buffers_[static_cast<size_t>(index)];
    const int64_t bytes = extent(count, element);
    if (offset > buffer.bytes() || bytes > buffer.bytes() - offset) {
      refuse(name, std::to_string(bytes) + " bytes at byte " + std::to_string(offset),
             "a span inside its buffer of " + std::to_string(buffer.bytes()) + " bytes");
    }
    char* const data = static_cast<char*>(buffer.data()) + offset;
    if (reinterpret_cast<uintptr_t>(data) % static_cast<uintptr_t>(element) != 0) {
      refuse(name, "byte offset " + std::to_string(offset),
             "a multiple of " + std::to_string(element) + " from the start of the memory");
    }
    if (bytes > 0) ranges_.push_back({name, data, bytes, access.written, access.aliasing});
    return data;
  }

  void check_overlaps() const {
    for (const Range& out : ranges_) {
      if (!out.written) continue;
      for (const Range& other : ranges_) {
        if (&other == &out) continue;
        if (out.begin + out.bytes <= other.begin || other.begin + other.bytes <= out.begin) continue;
        const bool same = out.begin == other.begin && out.bytes == other.bytes;
        if (same && !other.written && other.aliasing == Aliasing::kInPlace) continue;
        refuse(out.name, std::string("memory that overlaps '") + other.name + "'", "memory of its own");
      }
    }
  }

  const double* const words_;
  const size_t count_;
  const std::vector<std::shared_ptr<Storage>>& buffers_;
  size_t at_ = 0, place_ = 0;
  std::string op_;
  std::vector<Range> ranges_;
};

}  // namespace

std::vector<Op> decode(const double* words, size_t count,
                       const std::vector<std::shared_ptr<Storage>>& buffers) {
  std::vector<Op> ops;
  Decoder decoder(words, count, buffers);
  while (!decoder.ended()) decoder.next(ops);
  return ops;
}

}  // namespace adastep
