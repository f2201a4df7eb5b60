// Which mutants are run where one template makes many kernels: what its instances have in common is tested by one of
// them, so that of the others a part is enough.

/** `instances`: the template's kernels, also those that are yet to come; `whole`: the one whose mutants are all run. */
const TEMPLATES = [{ instances: /^adastep_update_/, whole: "adastep_update_Adam" }];

/** One mutant of an instance out of so many. */
const ONE_OF = 4;

/** FNV-1a. */
function hashOf(text) {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash;
}

/**
 * Whether a mutant is in the sample: by its kernel's name, its mutation and its number among the kernel's of that
 * mutation, so that a change of one kernel does not choose anew in others.
 */
export function isSampled({ kernel, mutation, number }) {
  const isOf = ({ instances, whole }) => instances.test(kernel) && kernel !== whole;
  return !TEMPLATES.some(isOf) || hashOf(`${kernel} ${mutation} ${number}`) % ONE_OF === 0;
}
