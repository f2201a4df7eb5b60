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
  const auto labels = twin.slot(std::vector<int32_t>{1, -3});
  const auto loss = twin.slot(std::vector<float>(2, 3)), lse = twin.slot(std::vector<float>(2, 3));
  for (Side side : {kCpu, kCuda}) {
    const Fault fault = twin.backend(side).take_fault();
    report.expect(
        fault.op == op_index<Embedding>() && fault.position == 2 && fault.value == 5 && fault.limit == 5,
        "the first fault is the embedding's");
    report.expect(twin.backend(side).take_fault().op == -1, "a fault is taken once");
  }
  twin.run("crossEntropy with a bad label", [&](Side side) {
    return std::vector<Op>{
        CrossEntropy{2, 4, {table.on(side)}, {labels.on(side)}, {loss.on(side)}, {lse.on(side)}}};
  });
  for (Side side : {kCpu, kCuda}) {
    const Fault fault = twin.backend(side).take_fault();
    report.expect(
        fault.op == op_index<CrossEntropy>() && fault.position == 1 && fault.value == -3 && fault.limit == 4,
        "the fault is the label's");
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

// What a kernel that failed leaves: errors, no exception from a destructor, no crash. On every backend of the
// GPU, since they share its context: this case comes last.
void lost(Report& report) {
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

}  // namespace

void backend_cases(Report& report, Backend& cpu, Backend& cuda) {
  marks(report, cuda);
  faults(report, cpu, cuda);
  workspace(report, cpu, cuda);
  refusals(report, cuda);
  cancelled(report, cpu);
  lost(report);
}

}  // namespace adastep::test
