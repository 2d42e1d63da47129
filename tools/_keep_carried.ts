/** Imported before what makes plugins, so that these can be listed. */

import { keepCarried } from "../core/carried.ts";

keepCarried();
