#include "cuda/graph.h"

#include <utility>

namespace adastep::cuda {

namespace {

// A stream in capture mode; leaves the mode at the end of its scope, whatever happened.
class Capture {
 public:
  explicit Capture(CUstream stream) : stream_(stream) {
    // Thread-local: allocations by other threads meanwhile are none of its business.
    check(driver().cuStreamBeginCapture(stream, kCaptureModeThreadLocal), "cuStreamBeginCapture");
  }
  ~Capture() {
    if (!ended_) driver().cuStreamEndCapture(stream_, &graph_);
    if (graph_) driver().cuGraphDestroy(graph_);
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  CUgraph end() {
    ended_ = true;
    check(driver().cuStreamEndCapture(stream_, &graph_), "cuStreamEndCapture");
    return graph_;
  }

 private:
  const CUstream stream_;
  CUgraph graph_ = nullptr;
  bool ended_ = false;
};

}  // namespace

Graph::Graph(std::shared_ptr<Context> context, CUstream stream, std::shared_ptr<DeviceBlock> workspace,
             bool can_fault, const std::function<void()>& launch)
    : context_(std::move(context)), workspace_(std::move(workspace)), can_fault_(can_fault) {
  Capture capture(stream);
  launch();
  check(driver().cuGraphInstantiateWithFlags(&executable_, capture.end(), 0), "cuGraphInstantiateWithFlags");
}

Graph::~Graph() {
  context_->enter_to_release();
  driver().cuGraphExecDestroy(executable_);
}

}  // namespace adastep::cuda
