// The one exception type of native code. Its code chooses the class that JavaScript sees (lib/errors.ts).
#pragma once
#include <exception>
#include <string>
#include <utility>

namespace adastep {

enum class ErrorCode { kArgument, kDisposed, kOutOfMemory, kDevice, kUnavailable };

class Error : public std::exception {
 public:
  // "<subject>: got <got>, accepted: <accepted>", the three parts of every misuse message.
  Error(ErrorCode code, std::string subject, std::string got, std::string accepted)
      : code_(code), subject_(std::move(subject)), got_(std::move(got)), accepted_(std::move(accepted)) {
    message_ = subject_ + ": got " + got_ + ", accepted: " + accepted_;
  }
  Error(ErrorCode code, std::string message) : code_(code), message_(std::move(message)) {}

  ErrorCode code() const { return code_; }
  const std::string& subject() const { return subject_; }
  const std::string& got() const { return got_; }
  const std::string& accepted() const { return accepted_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  ErrorCode code_;
  std::string subject_, got_, accepted_, message_;
};

inline Error host_memory_exhausted() { return Error(ErrorCode::kOutOfMemory, "host memory is exhausted"); }

}  // namespace adastep
