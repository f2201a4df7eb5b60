// cp.async and its groups (PTX manual 9.7.9.25).
#include <algorithm>
#include <cstring>

#include "exec/decoder.h"
#include "exec/memory_access.h"
#include "exec/op_table.h"

namespace emulator {
namespace {

struct CopyForm {
  MemoryForm to, from;
  bool hasSize = false, hasIgnore = false, ignoreNegated = false;
  Slot size, ignore;  // how many bytes are read, and a predicate that they are not; the rest becomes zero
};

// Reads a stretch of `piece` bytes, `at` bytes behind the source address, for some lanes.
void readPiece(Warp& w, const Instruction& i, const MemoryForm& source, u32 lanes, u32 piece, const u32* at,
               u8 (*data)[16]) {
  MemoryForm form = source;
  form.elementBytes = static_cast<u8>(piece);
  Addresses address;
  for (int l = 0; l < kWarpSize; ++l) address[l] = addressOf(w, source, l) + at[l];
  resolveGlobal(w, i, form, lanes, address, areContiguous(address, lanes, piece));
  for (u32 rest = lanes; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    std::memcpy(data[l] + at[l], reinterpret_cast<const u8*>(address[l]), piece);
  }
}

void runCopy(Warp& w, const Instruction& i, u32 mask) {
  const auto& form = *static_cast<const CopyForm*>(i.form);
  u32 size = form.to.elementBytes, ignored = 0;
  if (form.hasIgnore) ignored = w.predicate(form.ignore) ^ (form.ignoreNegated ? kAllLanes : 0);
  u32 wanted[kWarpSize];
  u8 data[kWarpSize][16] = {};
  for (int l = 0; l < kWarpSize; ++l) {
    wanted[l] = form.hasSize ? w.at<u32>(form.size)[l] : size;
    if (ignored >> l & 1) wanted[l] = 0;
    if (mask >> l & 1 && wanted[l] > size)
      reportMisuse(w, i, l, kLaunchFailed,
                   "a source size beyond the size of the copy, " + std::to_string(wanted[l]));
  }
  // Any size is a sum of powers of two.
  for (u32 piece = size; piece; piece /= 2) {
    u32 lanes = 0, at[kWarpSize];
    for (int l = 0; l < kWarpSize; ++l) {
      lanes |= static_cast<u32>((wanted[l] & piece) != 0) << l;
      at[l] = wanted[l] & ~(2 * piece - 1);
    }
    if (lanes & mask) readPiece(w, i, form.from, lanes & mask, piece, at, data);
  }
  Access target;
  resolve(w, i, form.to, mask, target);
  Block& block = *w.block;
  for (u32 rest = mask; rest; rest &= rest - 1) {
    int l = __builtin_ctz(rest);
    u64 to = static_cast<u64>(target.host[l] - block.shared.data());
    AsyncCopies::Copy copy{static_cast<u32>(l), 0, to, addressOf(w, form.from, l), size, wanted[l], {}};
    std::memcpy(copy.data, data[l], size);
    block.copies.add(w.index, copy);
    if (block.launch->check) block.shadow.markInFlight(to, size);
  }
}

// The write happens now: it must be ordered after what others did to the destination since the copy began.
void land(Warp& w, const Instruction& i, const std::vector<AsyncCopies::Copy>& copies) {
  MemoryForm form;
  form.store = true;
  form.reads = false;
  for (const AsyncCopies::Copy& copy : copies) {
    std::memcpy(w.block->shared.data() + copy.to, copy.data, copy.bytes);
    if (!w.block->launch->check) continue;
    w.block->shadow.markLanded(copy.to, copy.bytes);
    form.elementBytes = static_cast<u8>(copy.bytes);
    Addresses address = {};
    address[copy.lane] = copy.to;
    checkShared(w, i, form, 1u << copy.lane, address);
  }
}

// cp.async.ca.shared.global [to], [from], size[, bytes to read or predicate to ignore the source];
void decodeCopy(Decoder& decoder, const Statement& s, Instruction& i) {
  static const std::vector<std::string> cache = {"L2::64B", "L2::128B", "L2::256B"};
  std::vector<std::string> parts = splitModifiers(s.opcode);
  bool known = (parts.size() == 5 || parts.size() == 6) && parts[1] == "async" &&
               (parts[2] == "ca" || parts[2] == "cg") &&
               (parts[3] == "shared" || parts[3] == "shared::cta") && parts[4] == "global";
  for (size_t p = 5; known && p < parts.size(); ++p)
    known = std::find(cache.begin(), cache.end(), parts[p]) != cache.end();
  if (!known) decoder.fail("unknown modifiers (test/emulator/exec/async_ops.cc)");
  if (s.operands.size() != 3 && s.operands.size() != 4) decoder.fail("expected 3 or 4 operands");
  CopyForm& form = decoder.makeForm<CopyForm>(i);
  i64 size = s.operands[2].value;
  bool fits = size == 16 || (parts[2] == "ca" && (size == 4 || size == 8));
  if (s.operands[2].kind != OperandText::kInteger || !fits) decoder.fail("a size that is not possible");
  form.to.elementBytes = form.from.elementBytes = static_cast<u8>(size);
  form.to.space = Space::kShared;
  form.to.store = true;
  form.to.reads = false;
  form.from.space = Space::kGlobal;
  decoder.address(s.operands[0], form.to);
  decoder.address(s.operands[1], form.from);
  if (s.operands.size() == 4) {
    const OperandText& last = s.operands[3];
    form.hasIgnore = decoder.bitsOf(last) == 1;
    form.hasSize = !form.hasIgnore;
    if (last.kind == OperandText::kInteger && (last.value < 0 || last.value > size))
      decoder.fail("more bytes to read than the size of the copy");
    (form.hasIgnore ? form.ignore : form.size) =
        form.hasIgnore ? decoder.predicate(last, form.ignoreNegated) : decoder.source(last, 32);
  }
  i.run = runCopy;
}

void decodeCommit(Decoder& decoder, const Statement&, Instruction& i) {
  decoder.expectOperands(0);
  i.run = [](Warp& w, const Instruction&, u32 mask) { w.block->copies.commit(w.index, mask); };
}

void decodeWaitGroup(Decoder& decoder, const Statement& s, Instruction& i) {
  decoder.expectOperands(1);
  if (s.operands[0].kind != OperandText::kInteger || s.operands[0].value < 0)
    decoder.fail("the number of groups must be a literal");
  i.target = static_cast<u32>(s.operands[0].value);
  i.run = [](Warp& w, const Instruction& at, u32 mask) {
    land(w, at, w.block->copies.finish(w.index, mask, at.target));
  };
}

void decodeWaitAll(Decoder& decoder, const Statement&, Instruction& i) {
  decoder.expectOperands(0);
  i.run = [](Warp& w, const Instruction& at, u32 mask) {
    land(w, at, w.block->copies.finishAll(w.index, mask));
  };
}

}  // namespace

void addAsyncOps(OpTable& t) {
  t.family("cp", Class::kLoad, decodeCopy);
  t.special("cp.async.commit_group", Class::kOther, decodeCommit);
  t.special("cp.async.wait_group", Class::kOther, decodeWaitGroup);
  t.special("cp.async.wait_all", Class::kOther, decodeWaitAll);
}

}  // namespace emulator
