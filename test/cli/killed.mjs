// Kills the process before one of its changes of the file system: KILLED_BEFORE says which, counted from 0.

import fs from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";

let left = Number(process.env.KILLED_BEFORE);
for (const name of ["mkdir", "rename"]) {
  const change = fs[name];
  fs[name] = (...args) => {
    if (left-- === 0) process.kill(process.pid, "SIGKILL");
    return change(...args);
  };
}
syncBuiltinESMExports();
