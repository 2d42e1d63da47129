/** The version of this library, as in `deno.json`; it is written into what is stored. */
export const VERSION = "0.1.0";
