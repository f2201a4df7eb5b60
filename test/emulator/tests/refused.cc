#include "tests/refused.h"

#include "driver/module.h"
#include "ptx/error.h"

namespace emulator::tests {

std::string messageOf(const void* image) {
  try {
    LoadedModule module(image, 80);
  } catch (const PtxError& error) {
    return error.what();
  }
  return "it loaded";
}

void refused(const std::string& ptx, const std::vector<std::string>& words) {
  std::string message = messageOf(ptx.c_str());
  for (const std::string& word : words)
    expect(message.find(word) != std::string::npos, "wanted " + word + ", got: " + message + ", of " + ptx);
}

// The body of a kernel starts at line 12 of a module that wrap makes.
void bodyRefused(const std::string& body, const std::vector<std::string>& words) {
  std::vector<std::string> all = words;
  for (const char* word : {" test, ", "PTX line 12"}) all.push_back(word);
  refused(wrap(body, 1), all);
}

}  // namespace emulator::tests
