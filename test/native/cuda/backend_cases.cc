#include "core/error.h"
#include "twin.h"

namespace adastep::test {

namespace {

void marks(Report& report, Backend& cuda) {
  std::vector<Mark> marks;
  for (int i = 0; i < 500; i++) marks.push_back(cuda.mark());  // more than the ring holds
  cuda.wait(marks.back());
  for (Mark mark : marks) report.expect(cuda.done(mark), "a mark before a done one is done");
  report.expect(cuda.done(0), "mark 0 is done");
}

// What was found wrong so far, after all of it has run.
Fault found(Backend& backend) {
  const Mark mark = backend.mark();
  backend.wait(mark);
  return backend.take_fault(mark);
}

void faults(Report& report, Backend& cpu, Backend& cuda) {
  Twin twin(report, cpu, cuda, 1);
  const auto table = twin.slot(twin.floats(5 * 8));
  const auto indices = twin.slot(std::vector<int32_t>{0, 4, 5, 1});
  const auto y = twin.slot(std::vector<float>(4 * 8, 3));
  twin.run("embedding with a bad index", [&](Side side) {
    return std::vector<Op>{
        Embedding{4, 5, 8, {table.on(side)}, {indices.on(side)}, {y.on(side)}},
        EmbeddingGrad{4, 5, 8, {indices.on(side)}, {y.on(side)}, {const_cast<float*>(table.on(side))}}};
  });
  for (Side side : {kCpu, kCuda}) {
    const Fault fault = found(twin.backend(side));
    report.expect(
        fault.op == op_index<Embedding>() && fault.position == 2 && fault.value == 5 && fault.limit == 5,
        "the first fault is the embedding's");
    report.expect(found(twin.backend(side)).op == -1, "a fault is taken once");
  }
  twin.run("embedding's gradient with a bad index", [&](Side side) {
    return std::vector<Op>{
        EmbeddingGrad{4, 5, 8, {indices.on(side)}, {y.on(side)}, {const_cast<float*>(table.on(side))}}};
  });
  for (Side side : {kCpu, kCuda}) {
    const Fault fault = found(twin.backend(side));
    report.expect(
        fault.op == op_index<EmbeddingGrad>() && fault.position == 2 && fault.value == 5 && fault.limit == 5,
        "the fault is the gradient's");
  }
}

// Of a row that a warp takes, and of one that a block takes.
void label_faults(Report& report, Backend& cpu, Backend& cuda, int32_t cols) {
  for (int32_t bad : {-3, cols}) {
    Twin twin(report, cpu, cuda, 1);
    const auto x = twin.slot(twin.floats(2 * cols));
    const auto labels = twin.slot(std::vector<int32_t>{1, bad});
    const auto loss = twin.slot(std::vector<float>(2, 3)), lse = twin.slot(std::vector<float>(2, 3));
    twin.run("crossEntropy with a bad label", [&](Side side) {
      return std::vector<Op>{
          CrossEntropy{2, cols, {x.on(side)}, {labels.on(side)}, {loss.on(side)}, {lse.on(side)}}};
    });
    for (Side side : {kCpu, kCuda}) {
      const Fault fault = found(twin.backend(side));
      report.expect(fault.op == op_index<CrossEntropy>() && fault.position == 1 && fault.value == bad &&
                        fault.limit == cols,
                    "the fault is the label's");
    }
  }
}

// Lookups of 1000 indices in a table of 4 rows, some of which are bad.
class Lookups {
 public:
  explicit Lookups(Twin& twin)
      : twin_(twin), table_(twin.slot(twin.floats(4))), y_(twin.slot(std::vector<float>(kRows))) {}

  Slot<int32_t> indices(const std::vector<std::pair<size_t, int32_t>>& bad) {
    std::vector<int32_t> values(kRows, 3);
    for (const auto& [position, index] : bad) values[position] = index;
    return twin_.slot(values);
  }
  Op lookup(Side side, const Slot<int32_t>& indices) const {
    return Embedding{kRows, 4, 1, {table_.on(side)}, {indices.on(side)}, {y_.on(side)}};
  }

 private:
  static constexpr int64_t kRows = 1000;
  Twin& twin_;
  const Slot<float> table_, y_;
};

// The rule is the same on both sides: the first operation's fault, at its lowest position, whichever block of
// a kernel came first.
void first_fault(Report& report, Backend& cpu, Backend& cuda) {
  Twin twin(report, cpu, cuda, 4);
  Lookups lookups(twin);
  const auto good = lookups.indices({}), lowest = lookups.indices({{0, -1}, {1, 4}}),
             many = lookups.indices({{999, 70}, {998, 4}, {501, -8}, {500, INT32_MIN}, {750, 5}});
  for (Side side : {kCpu, kCuda}) {
    Backend& backend = twin.backend(side);
    const auto expect = [&](int64_t value, const std::string& what) {
      const Fault fault = found(backend);
      const int64_t position = value == -1 ? 0 : 500;
      report.expect(fault.op == op_index<Embedding>() && fault.position == position && fault.value == value &&
                        fault.limit == 4,
                    what + ": got " + std::to_string(fault.value));
    };
    backend.run({lookups.lookup(side, many)});
    expect(INT32_MIN, "the lowest position of one operation");
    backend.run({lookups.lookup(side, good), lookups.lookup(side, many), lookups.lookup(side, lowest)});
    expect(INT32_MIN, "the first operation's fault, not the lowest position of all");
    backend.run({lookups.lookup(side, many)});
    backend.run({lookups.lookup(side, lowest)});
    expect(INT32_MIN, "the first list's fault");
    backend.run({lookups.lookup(side, lowest)});
    expect(-1, "another fault after one was taken");
  }
}

// Work in flight is not charged with a fault of what was started after or before it, single launches and
// graphs alike, nor is a fault lost to the marks that follow.
void faults_in_flight(Report& report, Backend& cpu, Backend& cuda) {
  Twin twin(report, cpu, cuda, 5);
  Lookups lookups(twin);
  const auto good = lookups.indices({}), bad = lookups.indices({{7, 4}});
  for (Side side : {kCpu, kCuda}) {
    Backend& backend = twin.backend(side);
    const std::vector<Op> lists[] = {{lookups.lookup(side, good)}, {lookups.lookup(side, bad)}};
    const std::unique_ptr<Recorded> graphs[] = {backend.record(lists[0]), backend.record(lists[1])};
    std::vector<std::pair<Mark, bool>> started;  // and whether it was bad
    for (const int is_bad : {0, 1, 0, 1, 1, 0, 0, 1}) {
      const bool replayed = started.size() % 4 < 2 && graphs[is_bad];
      if (replayed) {
        backend.replay(*graphs[is_bad]);
      } else {
        backend.run(lists[is_bad]);
      }
      started.emplace_back(backend.mark(), is_bad == 1);
    }
    for (int i = 0; i < 300; i++) backend.wait(backend.mark());  // more than the ring holds
    for (const auto& [mark, is_bad] : started) {
      const Fault fault = backend.take_fault(mark);
      report.expect((fault.op >= 0) == is_bad && (!is_bad || (fault.position == 7 && fault.value == 4)),
                    "mark " + std::to_string(mark) + (is_bad ? " has its fault" : " has no fault"));
    }
  }
}

// The graph's partial sums must stay where they were captured when a larger operation comes.
void workspace(Report& report, Backend& cpu, Backend& cuda) {
  Twin twin(report, cpu, cuda, 2);
  const auto x = twin.slot(twin.floats(400000));
  const auto y = twin.slot(std::vector<float>(2));
  const auto sum = [&](Side side, int64_t n, int at) {
    return Reduce{ReduceFn::kSum, 1, n, 1, 1, {x.on(side)}, {y.on(side) + at}};
  };
  const auto recorded = cuda.record({sum(kCuda, 10000, 0)});
  cuda.run({sum(kCuda, 400000, 1)});
  cuda.replay(*recorded);
  twin.run("a graph after the workspace grew", [&](Side side) {
    return side == kCpu ? std::vector<Op>{sum(side, 10000, 0), sum(side, 400000, 1)} : std::vector<Op>{};
  });
}

void refusals(Report& report, Backend& cuda) {
  try {
    cuda.allocate(size_t{1} << 50);
    report.expect(false, "an allocation of 2^50 bytes is refused");
  } catch (const Error& error) {
    report.expect(error.code() == ErrorCode::kOutOfMemory, std::string("out of memory: ") + error.what());
  }
  try {
    cuda::open(99, {});
    report.expect(false, "cuda:99 is refused");
  } catch (const Error& error) {
    report.expect(error.code() == ErrorCode::kUnavailable, std::string("unavailable: ") + error.what());
  }
  cuda.free(cuda.allocate(0));
  cuda.free_staging(cuda.allocate_staging(0));
  const auto nothing = cuda.record({});
  if (nothing) cuda.replay(*nothing);
  cuda.wait(cuda.mark());
}

void cancelled(Report& report, Backend& cpu) {
  const auto cuda = cuda::open(0, {});
  Twin twin(report, cpu, *cuda, 3);
  const auto y = twin.slot(std::vector<float>(4, 5));
  cuda->cancel();
  twin.run("a cancelled backend starts nothing", [&](Side side) {
    if (side == kCpu) return std::vector<Op>{};
    return std::vector<Op>{Fill{DType::kF32, 4, 1, {reinterpret_cast<Raw*>(y.on(side))}}};
  });
}

}  // namespace

// Memory of the host's own, not at the beginning of a page, locked by two that do not know of each other.
void locks(Report& report, Backend& cpu, Backend& cuda) {
  const auto other = cuda::open(0, {});
  std::vector<char> memory(1 << 20);
  char* const host = memory.data() + 40;
  const size_t bytes = memory.size() - 100, inside = bytes / 2;
  report.expect(cpu.lock(host, bytes) == nullptr, "the CPU reads all memory alike");
  report.expect(cuda.lock(host, 100) == nullptr, "no page is inside");
  for (int round = 0; round < 2; round++) {
    auto first = cuda.lock(host, bytes), second = other->lock(host, bytes);
    report.expect(first && second, "a range is locked for both");
    for (Backend* backend : {&cuda, other.get()}) {
      void* const data = backend->allocate(1000);
      for (char value : {'a', 'b'}) {
        std::fill_n(host + inside, 1000, value);
        backend->write(data, host + inside, 1000);
        std::vector<char> back(1000);
        backend->read(back.data(), data, 1000);
        backend->wait(backend->mark());
        report.expect(back == std::vector<char>(1000, value), "what was written in locked memory arrives");
      }
      backend->free(data);
      first.reset();  // the second still holds
    }
  }
}

void backend_cases(Report& report, Backend& cpu, Backend& cuda) {
  marks(report, cuda);
  locks(report, cpu, cuda);
  faults(report, cpu, cuda);
  first_fault(report, cpu, cuda);
  faults_in_flight(report, cpu, cuda);
  for (int32_t cols : {4, 4097}) label_faults(report, cpu, cuda, cols);
  workspace(report, cpu, cuda);
  refusals(report, cuda);
  cancelled(report, cpu);
}

// What a kernel that failed leaves: errors, no exception from a destructor, no crash. On every backend of the
// GPU, since they share its context: these cases come last.
void lost_cases(Report& report, Backend&, Backend&) {
  const auto cuda = cuda::open(0, {});
  void* const data = cuda->allocate(64);
  const auto nowhere = reinterpret_cast<Raw*>(uintptr_t{1} << 60);
  bool refused = false;
  try {
    cuda->run({Fill{DType::kF32, 100, 1, {nowhere}}});
    cuda->wait(cuda->mark());
  } catch (const Error& error) {
    refused = error.code() == ErrorCode::kDevice;
  }
  report.expect(refused, "a kernel that writes nowhere makes the wait throw kDevice");
  cuda->free(data);
}

}  // namespace adastep::test
