// Kernels with a bug that the checker must find, and correct ones in which it must find nothing.
#pragma once

#include "tests/harness.h"

namespace emulator::tests {

// A kernel starts with these: %rd1 the address of p0, 64 words; %r1 the thread, %r2 the block, %rd3 the
// address of the thread's word. %r20 is the address of 256 bytes of shared memory, %r22 of the thread's word
// in them.
extern const char* const kStart;
// Whatever the report says, it must name kernel, place, instruction, block and thread, and of an address
// which array or allocation lies there.
void planted(CUresult code, const std::string& words, const std::string& body, u32 grid = 1, u32 block = 64,
             const std::vector<u32>& data = std::vector<u32>(64, 1));
void clean(const std::string& body, u32 grid = 1, u32 block = 64,
           const std::vector<u32>& data = std::vector<u32>(64, 1));
// As planted, on a buffer that is there already.
void expectFault(Device& device, CUresult code, const std::string& words, const std::string& body, u64 buffer,
                 u32 grid, u32 block);

}  // namespace emulator::tests
