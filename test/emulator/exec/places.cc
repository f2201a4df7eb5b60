#include "exec/places.h"

namespace emulator {

std::string Places::describe(u64 address, u64 dynamicBytes) const {
  constexpr u64 kFar = u64{1} << 24;  // no such memory is as large
  const Place* nearest = nullptr;
  for (const Place& place : all_) {
    if (address < place.first || address - place.first >= kFar) continue;
    if (!nearest || place.first > nearest->first || nearest->size == 0) nearest = &place;
  }
  if (!nearest) return std::string("no ") + kind_ + " is near";
  u64 size = nearest->size == kDynamic ? dynamicBytes : nearest->size, offset = address - nearest->first;
  std::string where = offset < size ? "offset " + std::to_string(offset) + " of "
                                    : std::to_string(offset - size) + " bytes behind the end of ";
  return where + (nearest->size == kDynamic ? "dynamic " : "") + kind_ + " " + nearest->name + " (" +
         std::to_string(size) + " bytes)";
}

}  // namespace emulator
