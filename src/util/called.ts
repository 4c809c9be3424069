// Functions of node:fs with callbacks as promises: half of what node:fs/promises costs.

export function called(start: (done: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === null ? resolve() : reject(error)));
  });
}
