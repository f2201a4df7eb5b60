// What a backend does beside operations: opening, memory, copies, faults, cancelling.
#include <cstring>

#include "check.h"
#include "core/error.h"
#include "cpu/level.h"
#include "cpu/op_number.h"

namespace adastep::test {

namespace {

void refuses(const std::string& what, ErrorCode code, const std::string& subject,
             const std::function<void()>& call) {
  bool as_expected = false;
  std::string message = "nothing thrown";
  try {
    call();
  } catch (const Error& error) {
    as_expected = error.code() == code && error.subject() == subject;
    message = error.what();
  }
  check(as_expected, what + ": " + message);
}

void opening() {
  const std::vector<DeviceInfo> infos = cpu::devices();
  check(infos.size() == 1 && infos[0].kind == "cpu" && infos[0].unavailable.empty(), "devices: one cpu");
  check(!infos[0].name.empty() && infos[0].memory_bytes > 0 && infos[0].threads >= 1, "devices: figures");
  check(infos[0].capability == cpu::levels()[0].name, "devices: the best level");
  check(open_cpu("", 0)->info().threads == infos[0].threads, "open: all threads");
  check(open_cpu("", 1)->info().threads == 1, "open: one thread");
  const auto argument = ErrorCode::kArgument;
  refuses("unknown level", argument, "level", [] { open_cpu("v5", 1); });
  refuses("negative threads", argument, "threads", [] { open_cpu("", -1); });
  refuses("too many threads", argument, "threads", [] { open_cpu("", 1025); });
  refuses("second device", argument, "index", [] { cpu::open(1, {}); });
}

void memory() {
  const auto backend = open_cpu("", 3);
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{1000}, size_t{5} << 20}) {
    void* data = backend->allocate(bytes);
    check(data && reinterpret_cast<uintptr_t>(data) % 256 == 0, "allocate: aligned");
    std::vector<char> host(bytes, 'x'), back(bytes);
    backend->write(data, host.data(), bytes);
    backend->read(back.data(), data, bytes);
    check(back == host, "write and read " + std::to_string(bytes));
    backend->free(data);
  }
  refuses("memory that no machine has", ErrorCode::kOutOfMemory, "",
          [&] { backend->allocate(size_t{1} << 60); });
}

void faults() {
  const auto backend = open_cpu("", 2);
  const std::vector<float> table = {1, 2};
  std::vector<float> y(2);
  const std::vector<int32_t> good = {0, 1}, bad = {0, 9}, worse = {-1, 0};
  const auto lookup = [&](const std::vector<int32_t>& indices) {
    return Embedding{2, 2, 1, {table.data()}, {indices.data()}, {y.data()}};
  };
  backend->run({lookup(bad), lookup(worse)});
  const Mark mark = backend->mark();
  const Fault fault = backend->take_fault(mark);
  check(fault.op == kEmbeddingNumber && fault.position == 1 && fault.value == 9 && fault.limit == 2,
        "fault: the first operation's");
  check(backend->take_fault(mark).op == -1, "fault: taken once");

  backend->run({lookup(good)});
  const Mark before = backend->mark();
  backend->run({lookup(worse)});
  backend->run({lookup(bad)});
  const Mark at = backend->mark();
  backend->run({lookup(good)});
  const Mark after = backend->mark();
  check(backend->take_fault(before).op == -1, "fault: not of what came before");
  check(backend->take_fault(at).value == -1, "fault: of the first list before the mark");
  check(backend->take_fault(after).op == -1, "fault: not of what came after");
  static_assert(kEmbeddingNumber == op_index<Embedding>() && kUpdateNumber == op_index<Update>());
}

void cancelling() {
  const auto backend = open_cpu("", 1);
  float y = 0;
  backend->cancel();
  backend->run({Fill{DType::kF32, 1, 5.0, {reinterpret_cast<Raw*>(&y)}}});
  check(y == 0, "cancel: nothing runs after it");
}

void marks() {
  const auto backend = open_cpu("", 1);
  check(backend->done(backend->mark()), "mark: done at once");
  check(backend->record({}) == nullptr, "record: the list is run");
}

}  // namespace

void test_backend() {
  opening();
  memory();
  faults();
  cancelling();
  marks();
}

}  // namespace adastep::test
