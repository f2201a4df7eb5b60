// Packages that this one can work with but does not bring along.

import { UnavailableError } from "../errors.js";

/**
 * An optional package, imported when it is needed.
 * @param load `() => import("package")`
 * @throws UnavailableError (rejects) naming the line that installs it, if it is not there
 */
export async function optionalPackage<M>(owner: string, name: string, load: () => Promise<M>): Promise<M> {
  try {
    return await load();
  } catch (cause) {
    const missing = (cause as { code?: unknown }).code === "ERR_MODULE_NOT_FOUND";
    if (!missing || !(cause as Error).message.includes(`'${name}'`)) throw cause;
    const problem = { argument: owner, got: `no package "${name}"`, accepted: `npm install ${name}` };
    throw new UnavailableError(problem, { cause });
  }
}
