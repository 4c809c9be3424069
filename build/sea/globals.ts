// The names that the bundler puts in the place of what only a checkout has.
export { executableUrl as __executableUrl, packedWorker as __packedWorker } from "./addons.ts";
