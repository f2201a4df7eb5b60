#include <algorithm>
#include <cmath>

#include "check.h"

namespace adastep::test {

namespace {

constexpr size_t kN = 50001;

// One element of a rule in double, as PyTorch writes it; `t` is the number of the step, from 1.
using Rule = std::function<void(int t, double& p, double g, double* state)>;

void sgd(int, double& p, double g, double*) { p -= 0.1 * (g + 0.01 * p); }

void momentum(int t, double& p, double g, double* state) {
  g += 0.01 * p;
  state[0] = t == 1 ? g : 0.9 * state[0] + 0.5 * g;
  p -= 0.1 * (g + 0.9 * state[0]);
}

void adagrad(int t, double& p, double g, double* state) {
  g += 0.01 * p;
  state[0] += g * g;
  p -= 0.1 / (1 + (t - 1) * 0.05) * g / (std::sqrt(state[0]) + 1e-8);
}

void adam(bool decoupled, int t, double& p, double g, double* state) {
  if (decoupled) {
    p -= 0.1 * 0.01 * p;
  } else {
    g += 0.01 * p;
  }
  state[0] = 0.9 * state[0] + 0.1 * g;
  state[1] = 0.999 * state[1] + 0.001 * g * g;
  const double m = state[0] / (1 - std::pow(0.9, t)), v = state[1] / (1 - std::pow(0.999, t));
  p -= 0.1 * m / (std::sqrt(v) + 1e-8);
}

// Step number `t` of a rule: Advance, then Update with what Advance prepared; both against the reference.
void step(const std::string& name, RuleId id, const std::vector<double>& hyper, std::vector<double> running,
          int t, const Rule& rule) {
  const RuleSize size = rule_size(id);
  const std::vector<float> norm = {4.0f};  // clipped to 1.5
  const double factor = (hyper[2] != 0 ? -1 : 1) * std::min(1.0, 1.5 / (4.0 + 1e-6));
  std::vector<float> prepared(static_cast<size_t>(1 + size.step));
  open_cpu("", 1)->run(
      {Advance{id, 1.5f, {hyper.data()}, {running.data()}, {norm.data()}, {prepared.data()}}});
  check(running[0] == t && std::fabs(prepared[0] - factor) < 1e-7, name + ": advance");

  const std::vector<float> p = numbers(kN), g = numbers(kN);
  std::vector<float> state[kMaxStates] = {numbers(kN, 0, 1), numbers(kN, 0, 1)};
  std::vector<double> want_p, want_state[kMaxStates];
  for (size_t i = 0; i < kN; i++) {
    double of_p = p[i], of_state[kMaxStates] = {state[0][i], state[1][i]};
    rule(t, of_p, factor * g[i], of_state);
    want_p.push_back(of_p);
    for (int s = 0; s < kMaxStates; s++) want_state[s].push_back(of_state[s]);
  }
  std::vector<Array> arrays = {in(prepared), in(g), inout(p, want_p, 2e-6)};
  for (int s = 0; s < size.states; s++) arrays.push_back(inout(state[s], want_state[s], 2e-6));
  run_case(name + " at step " + std::to_string(t), arrays, [=](const auto& d) {
    Update op{id, kN, input<float>(d[0]), input<float>(d[1]), both<float>(d[2]), {}};
    for (int s = 0; s < size.states; s++) op.state[s] = both<float>(d[static_cast<size_t>(3 + s)]);
    return op;
  });
}

void advance_case() {
  const std::vector<double> hyper = {0.1, 0.01, 1, 0.9, 0.999, 1e-8, 1};
  Array running = in(std::vector<double>{1, 0.9, 0.999});
  running.expected = {2, 0.9 * 0.9, 0.999 * 0.999};
  const std::vector<double> prepared = {-1,
                                        0,
                                        1 - 0.1 * 0.01,
                                        0.9,
                                        1 - 0.9,
                                        0.999,
                                        1 - 0.999,
                                        0.1 / (1 - 0.9 * 0.9),
                                        1 / std::sqrt(1 - 0.999 * 0.999),
                                        1e-8};
  run_case("advance", {in(hyper), running, out(prepared, 1e-7)}, [](const auto& d) {
    return Advance{RuleId::kAdam,      0, input<double>(d[0]), both<double>(d[1]), input<float>(nullptr),
                   output<float>(d[2])};
  });
}

}  // namespace

void test_update() {
  advance_case();
  const auto adam_l2 = [](int t, double& p, double g, double* s) { adam(false, t, p, g, s); };
  const auto adam_w = [](int t, double& p, double g, double* s) { adam(true, t, p, g, s); };
  step("sgd", RuleId::kSgd, {0.1, 0.01, 1}, {0}, 1, sgd);
  for (int t : {1, 3}) {
    const double before = t - 1, power1 = std::pow(0.9, before), power2 = std::pow(0.999, before);
    step("momentum", RuleId::kSgdMomentum, {0.1, 0.01, 0, 0.9, 0.5, 1}, {before}, t, momentum);
    step("adagrad", RuleId::kAdaGrad, {0.1, 0.01, 0, 0.05, 1e-8}, {before}, t, adagrad);
    step("adam", RuleId::kAdam, {0.1, 0.01, 0, 0.9, 0.999, 1e-8, 0}, {before, power1, power2}, t, adam_l2);
    step("adamw", RuleId::kAdam, {0.1, 0.01, 1, 0.9, 0.999, 1e-8, 1}, {before, power1, power2}, t, adam_w);
  }
}

}  // namespace adastep::test
