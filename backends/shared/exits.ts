/** The ways in which a worker can come to an end from inside, and what it says before it does. */

/** What is told. */
export interface Exits {
  /** Something was thrown that nobody caught. */
  threw(error: unknown): void;
  /** The worker ends, with an exit code. */
  exits(exitCode: number): void;
}

/** What is used of the runtimes' own APIs. */
interface Runtimes {
  close?: () => void;
  Deno?: { exit(code?: number): never };
  process: {
    exit(code?: number): never;
    on(event: string, listener: (error: unknown) => void): void;
  };
}

/** Tells of every end; in Deno the host of a web worker is not told by anybody else. */
export function watchExits({ threw, exits }: Exits): void {
  const runtimes = globalThis as unknown as Runtimes;
  const { Deno: deno, close } = runtimes;
  if (deno) {
    const exit = deno.exit;
    // `process.exit` comes here too.
    deno.exit = (code = 0) => {
      exits(code);
      return exit(code);
    };
    if (close) {
      runtimes.close = () => {
        exits(0);
        close.call(globalThis);
      };
    }
  }
  const die = (error: unknown) => {
    threw(error);
    (deno ?? runtimes.process).exit(1);
  };
  if (deno && typeof self !== "undefined") {
    self.addEventListener("error", (event) => {
      event.preventDefault();
      die(event.error);
    });
    self.addEventListener("unhandledrejection", (event) => {
      event.preventDefault();
      die(event.reason);
    });
  } else {
    runtimes.process.on("uncaughtException", die);
    runtimes.process.on("unhandledRejection", die);
  }
}
