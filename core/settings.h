// The words by which a step is steered: what the host sets for every step, what the guard remembers on the
// device, and what the kernels of a step read. Plain C; lib/optim names the same places.
#pragma once
#include <stdint.h>

namespace adastep {

// What is wrong with a step.
enum class Cause : int32_t { kNone, kNonFiniteGradient, kNonFiniteLoss, kLossSpike, kNormSpike };
constexpr const char* kCauseNames[] = {"none", "nonFiniteGradient", "nonFiniteLoss", "lossSpike",
                                       "normSpike"};

// What is done about it.
enum class Action : int32_t { kNone, kSkip, kClip, kBackOff, kRollBack };
constexpr const char* kActionNames[] = {"none", "skip", "clip", "backoff", "rollback"};

// Doubles that the host gives with every step, in this order.
struct Settings {
  double max_norm;        // the gradient is scaled down to this global norm; 0: it is not
  double clip_value;      // elements of the gradient are cut to +- this; infinity: they are not
  double average;         // decay of the running mean of the parameters
  double watch_every;     // steps between those that sum all there is to watch; 0: none does
  double watch_gradient;  // 1: every step sums g^2
  double non_finite;      // Action on what is infinite or NaN
  double spike;           // Action on a spike of the loss or of the norm
  double threshold;       // of the robust z-score that makes a spike
  double history;         // steps that have to be there before a spike is told, at least 1
  double patience;        // spikes in a row after which the level is taken for the new one
  double back_off;        // factor on lr, each time the guard backs off or rolls back
  double recovery;        // factor on that factor with each good step, until it is 1 again
  double snapshot_every;  // good steps between snapshots
  double loss_scaling;    // 1: the loss is scaled, and the scale adapts
  double scale_growth, scale_shrink,
      scale_interval;  // x growth after so many good steps, x shrink after a bad
};
constexpr int kSettingsWords = sizeof(Settings) / sizeof(double);

constexpr int kWindow = 64;   // accepted steps whose loss and norm the guard remembers
constexpr int kCooling = 10;  // steps from a back-off to the next: what the lower rate has to show itself
constexpr int kLog = 64;      // decisions that it remembers

// One decision. Doubles.
struct Decision {
  double attempt;  // which step, counted with those that were skipped, from 1
  double cause, action;
  double value;      // what was found
  double limit;      // what would have been accepted
  double lr_factor;  // after it
};

// What the guard keeps on the device, in doubles. All zero but lr_factor to begin with.
struct Guard {
  double attempts;                // steps tried
  double accepted;                // of them, those that were taken
  double lr_factor;               // 1, or less after it backed off
  double loss_scale;              // the host sets it for the first step that scales; 0 until then
  double good;                    // finite steps since the loss scale changed
  double spikes;                  // in a row
  double snapshots;               // where the next is saved, counted without end: slot snapshots % slots
  double kept;                    // of the ring's slots, those that can be restored
  double until_snapshot;          // good steps until the next
  double decisions;               // logged so far
  double norms, losses;           // how many the windows have seen since they were emptied
  double first_norm, first_loss;  // of those, the first
  double cooling;                 // steps until it may back off again, until when it takes or skips
  double norm[kWindow], loss[kWindow];
  Decision log[kLog];
};
constexpr int kGuardWords = sizeof(Guard) / sizeof(double);

// The first words of what Advance prepares: 4 bytes each.
struct Control {
  float skip;     // 1: nothing is written
  float watch;    // 0: nothing is summed, 1: g^2, 2: everything
  float unscale;  // 1 / loss scale; 1 of a loss that is not scaled
  float clip_value;
  float average;     // decay of the running mean of the parameters
  float snapshot;    // 0; 1 + slot to save into; -(1 + slot) to restore from
  uint32_t attempt;  // what stochastic rounding draws by
  float loss_scale;  // of the next step that scales
};
constexpr int kControlWords = sizeof(Control) / sizeof(float);

constexpr int kRowHead = 2;  // of a group's row: gradient factor, lr; then the rule's Step

}  // namespace adastep
