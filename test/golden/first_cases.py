"""What is run: by file, the optimizer, its options, and the lists of gradients that it is given."""
from lists import FACTORS, INITIAL, SCHEDULE, SIZE, initial


def case(name, optimizer, options, gradients="ordinary", lrs=None, shapes=None, from0=False):
    size = int(gradients.split()[1]) if " " in gradients else SIZE
    # Tiny gradients start from 0: elsewhere f32 would round their steps away.
    start = [0.0] * size if from0 or gradients.startswith("tiny") else initial(size)
    made = {"name": name, "class": optimizer, "options": options, "gradients": gradients, "lrs": lrs, "initial": start}
    return {**made, "shapes": shapes} if shapes else made


def for_all_gradients(optimizer, options, lists=("zero", "huge", "tiny", "mixed", "late"), prefix=""):
    return [case(f"{prefix}{gradients} gradients", optimizer, options, gradients) for gradients in lists]


def dialect(optimizer, semantics, *cases, gradients=("zero", "huge", "tiny", "mixed", "late"), options=None):
    """Cases (name, options, ...) of a dialect, and one for each list of gradients."""
    own = {"semantics": semantics}
    return [
        *[case(f"{semantics}: {name}", optimizer, {**own, **given}, **rest) for name, given, rest in cases],
        *for_all_gradients(optimizer, {**own, **(options or {})}, gradients, f"{semantics}: "),
    ]


def usual(optimizer, lr, *, decay=0.1, decoupled=True):
    """Cases that suit every optimizer: lr, both weight decays, maximize, a schedule, all gradients."""
    return [
        case("defaults", optimizer, {}),
        case("lr", optimizer, {"lr": lr}),
        case("weight decay", optimizer, {"lr": lr, "weightDecay": decay}),
        *[case("decoupled weight decay", optimizer, {"lr": lr, "weightDecay": decay, "decoupled": True})] * decoupled,
        case("maximize", optimizer, {"lr": lr, "weightDecay": decay, "maximize": True}),
        case("schedule", optimizer, {"lr": lr}, lrs=SCHEDULE),
        *[case("decoupled weight decay, schedule", optimizer, {"lr": lr, "weightDecay": decay, "decoupled": True},
               lrs=SCHEDULE)] * decoupled,
        case("zero gradients, weight decay", optimizer, {"lr": lr, "weightDecay": decay}, "zero"),
        *for_all_gradients(optimizer, {"lr": lr}),
    ]


# The first files hold every number in f64 and in f32; the others in f64, with the distance of f32.
FIRST_FILES = {
    "sgd": [
        case("defaults", "SGD", {}),
        case("weight decay", "SGD", {"lr": 0.1, "weightDecay": 0.1}),
        case("maximize", "SGD", {"lr": 0.1, "weightDecay": 0.1, "maximize": True}),
        case("momentum", "SGD", {"lr": 0.1, "momentum": 0.9}),
        case("momentum, dampening", "SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5}),
        case("Nesterov", "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
        case("momentum, weight decay", "SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.1}),
        case("Nesterov, weight decay, maximize", "SGD",
             {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weightDecay": 0.1, "maximize": True}),
        case("schedule", "SGD", {"lr": 0.1}, lrs=SCHEDULE),
        case("momentum, schedule", "SGD", {"lr": 0.1, "momentum": 0.9}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "SGD", {"lr": 0.1, "momentum": 0.9, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("SGD", {"lr": 0.1, "momentum": 0.9}),
    ],
    "adagrad": [
        case("defaults", "AdaGrad", {}),
        case("lr", "AdaGrad", {"lr": 0.1}),
        case("lr decay", "AdaGrad", {"lr": 0.1, "lrDecay": 0.1}),
        case("weight decay", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1}),
        case("initial accumulator", "AdaGrad", {"lr": 0.1, "initialAccumulatorValue": 0.1}),
        case("eps", "AdaGrad", {"lr": 0.1, "eps": 0.01}),
        case("maximize", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1, "maximize": True}),
        case("all options", "AdaGrad",
             {"lr": 0.1, "lrDecay": 0.05, "weightDecay": 0.1, "initialAccumulatorValue": 0.5, "eps": 1e-6,
              "maximize": True}),
        case("schedule", "AdaGrad", {"lr": 0.1}, lrs=SCHEDULE),
        case("lr decay, schedule", "AdaGrad", {"lr": 0.1, "lrDecay": 0.1}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "AdaGrad", {"lr": 0.1, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("AdaGrad", {"lr": 0.1}),
    ],
    "adam": [
        case("defaults", "Adam", {}),
        case("lr", "Adam", {"lr": 0.05}),
        case("betas", "Adam", {"lr": 0.05, "betas": [0.8, 0.95]}),
        case("betas of 0", "Adam", {"lr": 0.05, "betas": [0.0, 0.0]}),
        case("eps", "Adam", {"lr": 0.05, "eps": 0.01}),
        case("weight decay", "Adam", {"lr": 0.05, "weightDecay": 0.1}),
        case("maximize", "Adam", {"lr": 0.05, "weightDecay": 0.1, "maximize": True}),
        case("schedule", "Adam", {"lr": 0.05}, lrs=SCHEDULE),
        case("zero gradients, weight decay", "Adam", {"lr": 0.05, "weightDecay": 0.1}, "zero"),
        *for_all_gradients("Adam", {"lr": 0.05}),
        case("AdamW, defaults", "AdamW", {}),
        case("AdamW, weight decay", "AdamW", {"lr": 0.05, "weightDecay": 0.1}),
        case("AdamW, no weight decay", "AdamW", {"lr": 0.05, "weightDecay": 0.0}),
        case("AdamW, all options", "AdamW",
             {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-6, "weightDecay": 0.2, "maximize": True}),
        case("AdamW, schedule", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, lrs=SCHEDULE),
        case("AdamW, zero gradients", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, "zero"),
        case("AdamW, late gradients", "AdamW", {"lr": 0.05, "weightDecay": 0.1}, "late"),
    ],
}
