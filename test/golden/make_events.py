"""Records of a TensorBoard event file as the package tensorboard writes them: events.json.

    python -m venv /tmp/tensorboard && /tmp/tensorboard/bin/pip install tensorboard
    /tmp/tensorboard/bin/python test/golden/make_events.py

With a folder as its argument it reads what is there instead, as the tensorboard program does, and prints the scalars by tag.
"""

import io
import json
import pathlib
import sys

import tensorboard
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

# Wall time in seconds, step, scalars by tag: names that are not ASCII, a step beyond 32 bits, what is not finite.
CASES = [
    (1700000000.25, 1, {"train/loss": 0.5, "train/lr": 1e-3}),
    (1700000001.5, 300, {"eval/accuracy": 0.9375, "update_ratio/0.weight": 1.5e-45, "Güte": -2.0}),
    (1700000002.0, 2**40, {"train/loss": float("inf"), "train/grad_norm": float("-inf")}),
]


class Memory(io.BytesIO):
    def flush(self):
        pass


def record(event):
    file = Memory()
    RecordWriter(file).write(event.SerializeToString())
    return file.getvalue().hex()


def scalars(seconds, step, values):
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
    return Event(wall_time=seconds, step=step, summary=summary)


def make():
    cases = [
        {
            "seconds": seconds,
            "step": step,
            "values": {tag: value if abs(value) < float("inf") else str(value) for tag, value in values.items()},
            "record": record(scalars(seconds, step, values)),
        }
        for seconds, step, values in CASES
    ]
    version = record(Event(wall_time=1700000000.0, file_version="brain.Event:2"))
    content = {"tensorboard": tensorboard.__version__, "version": version, "cases": cases}
    path = pathlib.Path(__file__).with_name("events.json")
    path.write_text(json.dumps(content, indent=1) + "\n")


def show(folder):
    accumulator = EventAccumulator(folder)
    accumulator.Reload()
    for tag in accumulator.Tags()["scalars"]:
        print(tag, [(event.step, event.value) for event in accumulator.Scalars(tag)])


if len(sys.argv) > 1:
    show(sys.argv[1])
else:
    make()
