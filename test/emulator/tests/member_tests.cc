// The members that instructions across a warp name: all must be there, and name the same.
#include "tests/planted.h"

namespace emulator::tests {
namespace {

// The lower half of a warp names the members `low`, the upper `high`.
std::string halves(const std::string& low, const std::string& high) {
  return "setp.lt.u32 %p1, %r1, 16;\nselp.b32 %r6, " + low + ", " + high + ", %p1;\n";
}

EMULATOR_TEST(shuffleMasks) {
  planted(719, "the lane is not in its own member mask 0xffff", "shfl.sync.bfly.b32 %r5, %r1, 1, 31, 0xffff;",
          1, 32);
  planted(719, "members of the mask do not execute this instruction, lanes 0xffff0000",
          "setp.lt.u32 %p1, %r1, 16;\n@%p1 shfl.sync.bfly.b32 %r5, %r1, 1, 31, -1;", 1, 32);
}

// Values stay within the members, also where another group of lanes executes the same instruction.
EMULATOR_TEST(shufflesStayAmongMembers) {
  const std::string apart = halves("0xffff", "0xffff0000");
  clean(apart + "shfl.sync.bfly.b32 %r5, %r1, 8, 31, %r6;", 1, 32);
  planted(719, "shuffle from a lane that does not take part, lane 16",
          apart + "shfl.sync.bfly.b32 %r5, %r1, 16, 31, %r6;", 1, 32);
  planted(719, "shuffle from a lane that does not take part, lane 16",
          apart + "shfl.sync.down.b32 %r5, %r1, 1, 31, %r6;", 1, 32);
  planted(719, "shuffle from a lane that does not take part, lane 15",
          apart + "shfl.sync.up.b32 %r5, %r1, 1, 0, %r6;", 1, 32);
  planted(719, "shuffle from a lane that does not take part, lane 3",
          apart + "shfl.sync.idx.b32 %r5, %r1, 3, 31, %r6;", 1, 32);
}

// A member names others than the lane that counts on it.
EMULATOR_TEST(membersThatDisagree) {
  for (const char* instruction :
       {"shfl.sync.down.b32 %r5, %r1, 1, 31, %r6;", "shfl.sync.idx.b32 %r5, %r1, 0, 31, %r6;",
        "vote.sync.ballot.b32 %r5, %p1, %r6;", "vote.sync.all.pred %p2, %p1, %r6;",
        "match.any.sync.b32 %r5, %r1, %r6;", "match.all.sync.b32 %r5, %r1, %r6;",
        "redux.sync.add.u32 %r5, %r1, %r6;", "bar.warp.sync %r6;"}) {
    planted(719, "the lane names the members 0xffffffff, but lane 0 of them names 0xffff",
            halves("0xffff", "0xffffffff") + instruction, 1, 32);
    planted(719, "the lane names the members 0xffffffff, but lane 16 of them names 0xffff0000",
            halves("0xffffffff", "0xffff0000") + instruction, 1, 32);
    planted(719, "the lane is not in its own member mask 0xffff0000",
            halves("0xffff0000", "0xffff") + instruction, 1, 32);
  }
  // Two groups of members are no disagreement, nor is a mask that names lanes that have exited.
  clean(halves("0xffff", "0xffff0000") +
            "vote.sync.ballot.b32 %r5, %p1, %r6;\nredux.sync.add.u32 %r5, %r1, %r6;",
        1, 32);
  clean("vote.sync.ballot.b32 %r5, %p1, -1;", 1, 13);
}

}  // namespace
}  // namespace emulator::tests
