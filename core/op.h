// An operation as a value.
#pragma once
#include <algorithm>
#include <type_traits>
#include <variant>
#include <vector>

#include "core/ops.h"

namespace adastep {

namespace detail {
struct Nothing {};
template <class First, class... Rest>
std::variant<Rest...> drop_first(std::variant<First, Rest...>*);
}  // namespace detail

#define ADASTEP_COMMA_OP(op) , op
using Op = decltype(detail::drop_first(
    static_cast<std::variant<detail::Nothing ADASTEP_FOR_EACH_OP(ADASTEP_COMMA_OP)>*>(nullptr)));
#undef ADASTEP_COMMA_OP

constexpr const char* kOpNames[] = {
#define ADASTEP_OP_NAME(op) op::kName,
    ADASTEP_FOR_EACH_OP(ADASTEP_OP_NAME)
#undef ADASTEP_OP_NAME
};
constexpr int kOpCount = static_cast<int>(std::variant_size_v<Op>);

// The index of an operation's type in FOR_EACH_OP.
template <class T>
constexpr int32_t op_index() {
  int32_t index = 0;
  const bool found = false
#define ADASTEP_OP_MATCH(op) || (std::is_same_v<op, T> || (index++, false))
      ADASTEP_FOR_EACH_OP(ADASTEP_OP_MATCH);
#undef ADASTEP_OP_MATCH
  return found ? index : -1;
}

// Whether an operation checks indices while it runs: its struct says so with `kCanFault`.
template <class T, class = void>
constexpr bool kCanFault = false;
template <class T>
constexpr bool kCanFault<T, std::void_t<decltype(T::kCanFault)>> = T::kCanFault;

inline bool can_fault(const std::vector<Op>& ops) {
  return std::any_of(ops.begin(), ops.end(), [](const Op& op) {
    return std::visit([](const auto& of_type) { return kCanFault<std::decay_t<decltype(of_type)>>; }, op);
  });
}

}  // namespace adastep
