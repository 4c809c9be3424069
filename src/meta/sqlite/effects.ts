// What bodies asked to be done when their changes stand.
import { log } from "../../util/log.ts";

/** The changes stand, so their answers must not fail with an effect. */
export function runEffects(effects: readonly (() => void)[]): void {
  for (const effect of effects) {
    try {
      effect();
    } catch (cause) {
      log(
        "error",
        `an effect of a committed transaction threw: ${cause instanceof Error ? cause.stack : String(cause)}`,
      );
    }
  }
}
