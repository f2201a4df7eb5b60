#include "exec/counters.h"

#include <map>
#include <sstream>

#include "exec/launch.h"

namespace emulator {

void Counters::reset(size_t instructions) {
  *this = Counters{};
  executed.assign(instructions, 0);
  lanes.assign(instructions, 0);
}

void Counters::add(const Counters& other) {
  for (size_t k = 0; k < executed.size(); ++k) executed[k] += other.executed[k], lanes[k] += other.lanes[k];
  globalLoadSectors += other.globalLoadSectors, globalLoadIdeal += other.globalLoadIdeal;
  globalStoreSectors += other.globalStoreSectors, globalStoreIdeal += other.globalStoreIdeal;
  bytesLoaded += other.bytesLoaded, bytesStored += other.bytesStored;
  sharedWavefronts += other.sharedWavefronts, sharedIdeal += other.sharedIdeal;
  divergentBranches += other.divergentBranches;
}

// Of lines of the source, if the kernel was built with line info.
std::string Counters::linesJson(const Program& program) const {
  std::map<std::string, std::pair<u64, u64>> lines;
  for (u32 k = 0; k < executed.size(); ++k) {
    if (!executed[k]) continue;
    auto& [warps, threads] = lines[program.place(k)];
    warps += executed[k], threads += this->lanes[k];
  }
  std::ostringstream out;
  const char* separator = "{";
  for (const auto& [place, counts] : lines) {
    out << separator << "\"" << place << "\":[" << counts.first << "," << counts.second << "]";
    separator = ",";
  }
  return out.str() + "}";
}

std::string Counters::json(const Launch& launch, bool lines) const {
  const Program& program = *launch.program;
  u64 warps[kClasses] = {}, threads[kClasses] = {}, allWarps = 0, allThreads = 0;
  std::map<std::string, u64> opcodes;
  for (size_t k = 0; k < executed.size(); ++k) {
    int kind = static_cast<int>(program.origins[k].kind);
    warps[kind] += executed[k], threads[kind] += lanes[k];
    allWarps += executed[k], allThreads += lanes[k];
    if (executed[k] && program.origins[k].statement)
      opcodes[program.origins[k].statement->opcode] += executed[k];
  }
  auto ofClass = [&](Class c) { return warps[static_cast<int>(c)]; };
  std::ostringstream out;
  auto triple = [&](const char* name, const u32* v) {
    out << "\"" << name << "\":[" << v[0] << "," << v[1] << "," << v[2] << "],";
  };
  out << "{\"kernel\":\"" << program.kernel->name << "\",";
  triple("grid", launch.grid);
  triple("block", launch.block);
  out << "\"dynamicShared\":" << launch.dynamicShared << ",\"warpInstructions\":" << allWarps
      << ",\"threadInstructions\":" << allThreads;
  for (int which = 0; which < 2; ++which) {
    out << (which ? ",\"threadInstructionsByClass\":{" : ",\"warpInstructionsByClass\":{");
    for (int c = 0; c < kClasses; ++c) {
      out << (c ? "," : "") << "\"" << className(static_cast<Class>(c))
          << "\":" << (which ? threads : warps)[c];
    }
    out << "}";
  }
  out << ",\"warpInstructionsByOpcode\":{";
  const char* separator = "";
  for (const auto& [opcode, count] : opcodes) {
    out << separator << "\"" << opcode << "\":" << count;
    separator = ",";
  }
  out << "}";
  out << ",\"globalLoadSectors\":" << globalLoadSectors << ",\"globalLoadSectorsIdeal\":" << globalLoadIdeal
      << ",\"globalStoreSectors\":" << globalStoreSectors
      << ",\"globalStoreSectorsIdeal\":" << globalStoreIdeal << ",\"bytesLoaded\":" << bytesLoaded
      << ",\"bytesStored\":" << bytesStored << ",\"sharedWavefronts\":" << sharedWavefronts
      << ",\"sharedWavefrontsIdeal\":" << sharedIdeal
      << ",\"sharedBankConflicts\":" << sharedWavefronts - sharedIdeal
      << ",\"barriers\":" << ofClass(Class::kBarrier) << ",\"tensorCoreOperations\":" << ofClass(Class::kMma)
      << ",\"atomics\":" << ofClass(Class::kAtomic) << ",\"divergentBranches\":" << divergentBranches;
  if (lines) out << ",\"instructionsByLine\":" << linesJson(program);
  out << "}\n";
  return out.str();
}

}  // namespace emulator
