// A list of launches captured into a CUDA graph, to be launched again as one.
#pragma once
#include <functional>
#include <memory>

#include "core/backend.h"
#include "cuda/context.h"
#include "cuda/memory.h"

namespace adastep::cuda {

class Graph final : public Recorded {
 public:
  // Captures what `launch` starts on the stream. The graph keeps `workspace` alive: its launches point there.
  Graph(std::shared_ptr<Context> context, CUstream stream, std::shared_ptr<DeviceBlock> workspace,
        bool can_fault, const std::function<void()>& launch);
  ~Graph() override;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  bool can_fault() const { return can_fault_; }
  void launch(CUstream stream) const { check(driver().cuGraphLaunch(executable_, stream), "cuGraphLaunch"); }

 private:
  const std::shared_ptr<Context> context_;
  const std::shared_ptr<DeviceBlock> workspace_;
  const bool can_fault_;
  CUgraphExec executable_ = nullptr;
};

}  // namespace adastep::cuda
