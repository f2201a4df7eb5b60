#include "twin.h"

#include <cmath>
#include <cstdio>
#include <limits>

namespace adastep::test {

namespace {

// The first element that differs, -1 if none does.
template <class T>
int64_t difference(const std::vector<char>& a, const std::vector<char>& b) {
  for (size_t i = 0; i + sizeof(T) <= a.size(); i += sizeof(T)) {
    T x, y;
    std::memcpy(&x, a.data() + i, sizeof x);
    std::memcpy(&y, b.data() + i, sizeof y);
    if (std::memcmp(&x, &y, sizeof x) != 0 && !(x != x && y != y)) return static_cast<int64_t>(i / sizeof(T));
  }
  return -1;
}

template <class T>
std::string texts(const std::vector<char>& a, const std::vector<char>& b, int64_t at) {
  T x, y;
  std::memcpy(&x, a.data() + static_cast<size_t>(at) * sizeof(T), sizeof x);
  std::memcpy(&y, b.data() + static_cast<size_t>(at) * sizeof(T), sizeof y);
  char text[128];
  std::snprintf(text, sizeof text, "cpu %.9g, cuda %.9g", static_cast<double>(x), static_cast<double>(y));
  return text;
}

}  // namespace

void Report::expect(bool holds, const std::string& what) {
  checks++;
  if (holds) return;
  failures++;
  std::printf("FAILED: %s\n", what.c_str());
}

Twin::~Twin() {
  for (const auto& memory : memory_) {
    for (int side : {kCpu, kCuda}) backends_[side]->free(memory->data[side]);
  }
}

const Twin::Memory& Twin::add(const std::vector<char>& image, size_t float_bytes) {
  memory_.push_back(std::make_unique<Memory>());
  Memory& memory = *memory_.back();
  memory.bytes = image.size();
  memory.float_bytes = float_bytes;
  for (int side : {kCpu, kCuda}) {
    Backend& backend = *backends_[side];
    memory.data[side] = static_cast<char*>(backend.allocate(image.size()));
    void* const staging = backend.allocate_staging(image.size());
    if (!image.empty()) std::memcpy(staging, image.data(), image.size());
    backend.write(memory.data[side], staging, image.size());
    backend.wait(backend.mark());
    backend.free_staging(staging);
  }
  return memory;
}

void Twin::read(const void* device, void* host, size_t bytes, Side side) const {
  Backend& backend = *backends_[side];
  void* const staging = backend.allocate_staging(bytes);
  backend.read(staging, device, bytes);
  backend.wait(backend.mark());
  if (bytes > 0) std::memcpy(host, staging, bytes);
  backend.free_staging(staging);
}

std::vector<float> Twin::floats(int64_t n, bool special) {
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();
  static constexpr float kSpecial[] = {0.0f,   -0.0f,   kInfinity, -kInfinity, NAN,
                                       1e-41f, -1e-41f, 3e38f,     1.0f,       -1.0f};
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<size_t>(n));
  for (float& value : values) {
    value = normal(random) * (random() % 4 == 0 ? 8.0f : 1.0f);
    if (special && random() % 8 == 0) value = kSpecial[random() % 10];
  }
  return values;
}

std::vector<int32_t> Twin::integers(int64_t n, int32_t low, int32_t high) {
  std::uniform_int_distribution<int32_t> uniform(low, high);
  std::vector<int32_t> values(static_cast<size_t>(n));
  for (int32_t& value : values) value = uniform(random);
  return values;
}

void Twin::execute(const std::function<std::vector<Op>(Side)>& ops) {
  for (Side side : {kCpu, kCuda}) {
    backends_[side]->run(ops(side));
    backends_[side]->wait(backends_[side]->mark());
  }
}

void Twin::run(const std::string& name, const std::function<std::vector<Op>(Side)>& ops) {
  execute(ops);
  compare(name);
}

void Twin::replay(const std::string& name, int times, const std::function<std::vector<Op>(Side)>& ops) {
  Backend &cpu = *backends_[kCpu], &cuda = *backends_[kCuda];
  for (int i = 0; i < times; i++) cpu.run(ops(kCpu));
  cpu.wait(cpu.mark());
  const std::unique_ptr<Recorded> recorded = cuda.record(ops(kCuda));
  report_.expect(recorded != nullptr, name + ": recorded");
  if (!recorded) return;
  for (int i = 0; i < times; i++) cuda.replay(*recorded);
  cuda.wait(cuda.mark());
  compare(name);
}

void Twin::compare_faults(const std::string& name) {
  Fault of[2];
  for (Side side : {kCpu, kCuda}) {
    const Mark mark = backends_[side]->mark();
    backends_[side]->wait(mark);
    of[side] = backends_[side]->take_fault(mark);
  }
  const Fault &a = of[kCpu], &b = of[kCuda];
  report_.expect(
      a.op == b.op && (a.op < 0 || (a.position == b.position && a.value == b.value && a.limit == b.limit)),
      name + ": cpu has fault " + std::to_string(a.value) + " at " + std::to_string(a.position) + ", cuda " +
          std::to_string(b.value) + " at " + std::to_string(b.position));
}

void Twin::compare(const std::string& name) {
  int number = 0;
  for (const auto& memory : memory_) {
    std::vector<char> a(memory->bytes), b(memory->bytes);
    read(memory->data[kCpu], a.data(), memory->bytes, kCpu);
    read(memory->data[kCuda], b.data(), memory->bytes, kCuda);
    std::string problem;
    if (memory->float_bytes == 8) {
      const int64_t at = difference<double>(a, b);
      if (at >= 0) problem = "element " + std::to_string(at) + ": " + texts<double>(a, b, at);
    } else if (memory->float_bytes == 4) {
      const int64_t at = difference<float>(a, b);
      if (at >= 0) problem = "element " + std::to_string(at) + ": " + texts<float>(a, b, at);
    } else {
      const int64_t at = difference<char>(a, b);
      if (at >= 0) problem = "byte " + std::to_string(at) + ": " + texts<char>(a, b, at);
    }
    report_.expect(problem.empty(), name + ": buffer " + std::to_string(number) + ", " + problem);
    number++;
  }
}

}  // namespace adastep::test
