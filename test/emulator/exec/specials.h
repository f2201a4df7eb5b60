// Special registers: %tid.x, %laneid and their like.
#pragma once

#include "exec/block.h"

namespace emulator {

// Width in bits of a special register, 0 if it is not known.
u32 specialBits(const std::string& name);

void fillSpecial(Warp& warp, const Program::Special& special);

}  // namespace emulator
