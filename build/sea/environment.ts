// Takes back what launcher.c has put into the environment: programs that we start must not see it.
const PRELOAD = "LD_PRELOAD";

const rest = (process.env[PRELOAD] ?? "")
  .split(":")
  .filter((path) => path !== "" && !path.startsWith("/proc/self/fd/"))
  .join(":");
if (rest === "") delete process.env[PRELOAD];
else process.env[PRELOAD] = rest;
