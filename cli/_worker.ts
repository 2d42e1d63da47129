/** What each worker of `fuse run` imports first, so that workflow files find the library there too. */

import { provideLibrary } from "./_library.ts";

await provideLibrary();
