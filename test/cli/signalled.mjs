// Sends the process signals right after it has written a line of JSON, so that no clock decides where it stops: SIGNALLED
// has the signals, each sent once the one before was handled, and the line: "SIGKILL begin", "SIGINT,SIGINT 60" (a step).

const [signals, when] = process.env.SIGNALLED.split(" ");
const left = signals.split(",");

function send() {
  const signal = left.shift();
  if (left.length > 0) process.once(signal, () => setImmediate(send));
  process.kill(process.pid, signal);
}

const isAwaited = ({ type, step }) => type === when || (type === "step" && step >= Number(when));
const { write } = process.stdout;
process.stdout.write = function (text, ...rest) {
  const going = write.call(this, text, ...rest);
  if (isAwaited(JSON.parse(text))) {
    process.stdout.write = write;
    send();
  }
  return going;
};
