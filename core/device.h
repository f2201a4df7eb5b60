// A device as the binding uses it: a backend, its memory, and the stream that runs its commands.
#pragma once
#include <map>
#include <memory>
#include <vector>

#include "core/decode.h"
#include "core/stream.h"

namespace adastep {

using Done = std::function<void(const std::optional<Error>&)>;

// A part of device memory, for copies from and to the host.
struct Region {
  std::shared_ptr<Storage> storage;
  int64_t offset, bytes;
  char* data() const { return static_cast<char*>(storage->data()) + offset; }
};

// A recorded step: operations, the regions that a run writes first and those that it reads back last.
struct Program {
  std::vector<Op> ops;
  std::vector<std::shared_ptr<Storage>> holds;
  std::vector<Region> inputs, outputs;
  int64_t input_bytes = 0, output_bytes = 0;
  std::unique_ptr<Recorded> recorded;  // of the stream thread, made at the first run
  bool prepared = false;
};

// Where the inputs of a run are read from: staged memory, or parts of `copies`.
struct Sources {
  std::vector<const char*> inputs;
  std::shared_ptr<Storage> copies;
};

// Called on one thread, that of JavaScript.
class Device {
 public:
  static std::shared_ptr<Device> open(Stream::Open backend, int64_t memory_limit, Done opened);

  const DeviceInfo& info() const { return backend_->info(); }
  MemoryStats memory() const { return memory_->stats(); }
  std::shared_ptr<Storage> allocate(int64_t bytes) { return memory_->allocate(bytes); }
  // Host memory for a coming write or run; null for 0 bytes.
  std::shared_ptr<Storage> allocate_staging(int64_t bytes);

  // Each returns at once; false after close. `holds` is the memory that the operations touch.
  bool submit(std::vector<Op> ops, std::vector<std::shared_ptr<Storage>> holds);
  bool write(const Region& to, std::shared_ptr<Storage> staging);
  // `host` must stay valid until `done`, or until cancel returns.
  bool read(const Region& from, void* host, Done done);
  // `sources` has the bytes of each input region; `outputs` receives those of all output regions.
  bool run(std::shared_ptr<Program> program, Sources sources, void* outputs, Done done);

  // Staged memory is the host's, and runs read it where it lies: it must stay as it is until they are done.
  // `hold` keeps it alive; it is dropped, on the stream thread, when nothing reads the memory any more: after
  // `unstage`, or at the end of the stream.
  bool stage(char* data, int64_t bytes, std::shared_ptr<void> hold);
  // Runs from now on do not read it where it lies.
  void unstage(const char* data);
  bool stages(const char* data, int64_t bytes) const;
  bool overlaps_staged(const char* data, int64_t bytes) const;
  bool sync(Done done);
  // Lets a program end on the stream thread, where its recording was made.
  void retire(std::shared_ptr<Program> program);

  void reset() { stream_->reset(); }
  void close(std::function<void()> ended) { stream_->close(std::move(ended)); }
  void cancel() { stream_->cancel(); }

 private:
  void attach(std::shared_ptr<Backend> backend, int64_t memory_limit);

  struct Staged {  // in this order: the lock ends first
    std::shared_ptr<void> hold;
    std::unique_ptr<HostLock> lock;
  };

  std::shared_ptr<Backend> backend_;
  std::shared_ptr<MemoryPool> memory_, staging_;
  std::map<const char*, int64_t> staged_bytes_;  // of the calling thread: what runs may read where it lies
  std::map<const char*, Staged> staged_;         // of the stream thread
  std::unique_ptr<Stream> stream_;               // last: its thread ends before what it uses
};

}  // namespace adastep
