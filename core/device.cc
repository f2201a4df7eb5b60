#include "core/device.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

namespace adastep {

namespace {

constexpr int64_t kReadChunk = int64_t{1}
                               << 24;  // a larger read goes through staging of this size, piece by piece

void start_program(Backend& backend, Program& program) {
  if (!program.prepared) {
    program.recorded = backend.record(program.ops);
    program.prepared = true;
  }
  if (program.recorded) {
    backend.replay(*program.recorded);
  } else {
    backend.run(program.ops);
  }
}

}  // namespace

std::shared_ptr<Device> Device::open(Stream::Open open_backend, int64_t memory_limit, Done opened) {
  auto device = std::make_shared<Device>();
  // The raw pointer is safe: the stream, a member, joins its thread before the device ends.
  auto start = [self = device.get(), memory_limit, opened](std::shared_ptr<Backend> backend,
                                                           const std::optional<Error>& error) {
    if (backend) self->attach(std::move(backend), memory_limit);
    opened(error);
  };
  try {
    device->stream_ = std::make_unique<Stream>(std::move(open_backend), std::move(start),
                                               [self = device.get()] { self->staged_.clear(); });
  } catch (const std::system_error& error) {
    throw Error(ErrorCode::kUnavailable, std::string("no thread could be started: ") + error.what());
  }
  return device;
}

// Without a limit of its own the CPU would promise more memory than there is, and be killed when it is
// touched.
void Device::attach(std::shared_ptr<Backend> backend, int64_t memory_limit) {
  memory_ = std::make_shared<MemoryPool>([backend](size_t bytes) { return backend->allocate(bytes); },
                                         [backend](void* data) { backend->free(data); },
                                         memory_limit > 0 ? memory_limit : backend->info().memory_bytes);
  staging_ =
      std::make_shared<MemoryPool>([backend](size_t bytes) { return backend->allocate_staging(bytes); },
                                   [backend](void* data) { backend->free_staging(data); }, 0);
  backend_ = std::move(backend);
}

std::shared_ptr<Storage> Device::allocate_staging(int64_t bytes) {
  return bytes > 0 ? staging_->allocate(bytes) : nullptr;
}

bool Device::submit(std::vector<Op> ops, std::vector<std::shared_ptr<Storage>> holds) {
  Command command;
  command.work = [ops = std::move(ops), holds = std::move(holds)](Backend& backend) { backend.run(ops); };
  return stream_->enqueue(std::move(command));
}

bool Device::write(const Region& to, std::shared_ptr<Storage> staging) {
  if (to.bytes == 0) return true;
  Command command;
  command.work = [to, staging](Backend& backend) {
    backend.write(to.data(), staging->data(), static_cast<size_t>(to.bytes));
  };
  return stream_->enqueue(std::move(command));
}

bool Device::read(const Region& from, void* host, Done done) {
  const auto staging = allocate_staging(std::min(from.bytes, kReadChunk));
  Command command;
  command.work = [from, staging, host](Backend& backend) {
    for (int64_t at = 0; at < from.bytes; at += kReadChunk) {
      const auto bytes = static_cast<size_t>(std::min(kReadChunk, from.bytes - at));
      backend.read(staging->data(), from.data() + at, bytes);
      if (from.bytes <= kReadChunk) return;  // copied out by `finish`, without holding up the stream
      backend.wait(backend.mark());
      std::memcpy(static_cast<char*>(host) + at, staging->data(), bytes);
    }
  };
  command.finish = [from, staging, host] {
    if (from.bytes > 0 && from.bytes <= kReadChunk)
      std::memcpy(host, staging->data(), static_cast<size_t>(from.bytes));
  };
  command.done = std::move(done);
  return stream_->enqueue(std::move(command));
}

bool Device::run(std::shared_ptr<Program> program, Sources sources, void* outputs, Done done) {
  const auto staging = allocate_staging(program->output_bytes);
  Command command;
  command.work = [program, sources = std::move(sources), staging](Backend& backend) {
    for (size_t i = 0; i < program->inputs.size(); i++) {
      const Region& input = program->inputs[i];
      if (input.bytes > 0) backend.write(input.data(), sources.inputs[i], static_cast<size_t>(input.bytes));
    }
    start_program(backend, *program);
    int64_t at = 0;
    for (const Region& output : program->outputs) {
      if (output.bytes == 0) continue;
      backend.read(static_cast<char*>(staging->data()) + at, output.data(),
                   static_cast<size_t>(output.bytes));
      at += output.bytes;
    }
  };
  command.finish = [program, staging, outputs] {
    if (staging) std::memcpy(outputs, staging->data(), static_cast<size_t>(program->output_bytes));
  };
  command.done = std::move(done);
  return stream_->enqueue(std::move(command));
}

bool Device::stage(char* data, int64_t bytes, std::shared_ptr<void> hold) {
  Command command;
  command.work = [this, data, bytes, hold = std::move(hold)](Backend& backend) {
    Staged& staged = staged_[data];
    staged.hold = hold;
    staged.lock = backend.lock(data, static_cast<size_t>(bytes));
  };
  command.always = true;  // after a reset, runs read it
  if (!stream_->enqueue(std::move(command))) return false;
  staged_bytes_[data] = bytes;
  return true;
}

void Device::unstage(const char* data) {
  if (staged_bytes_.erase(data) == 0) return;
  Command command;
  command.work = [this, data](Backend& backend) {
    const auto staged = staged_.extract(data);  // ends here, even if the wait throws
    backend.wait(backend.mark());
  };
  command.always = true;
  stream_->enqueue(std::move(command));
}

bool Device::stages(const char* data, int64_t bytes) const {
  auto after = staged_bytes_.upper_bound(data);
  if (after == staged_bytes_.begin()) return false;
  const auto& [begin, size] = *--after;
  return data + bytes <= begin + size;
}

bool Device::overlaps_staged(const char* data, int64_t bytes) const {
  auto after = staged_bytes_.lower_bound(data + bytes);
  if (after == staged_bytes_.begin()) return false;
  const auto& [begin, size] = *--after;
  return data < begin + size;
}

bool Device::sync(Done done) {
  Command command;
  command.work = [](Backend&) {};
  command.done = std::move(done);
  return stream_->enqueue(std::move(command));
}

void Device::retire(std::shared_ptr<Program> program) {
  Command command;
  command.work = [program = std::move(program)](Backend&) {};
  command.always = true;
  stream_->enqueue(std::move(command));
}

}  // namespace adastep
