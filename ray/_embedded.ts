/** The library's source, where its modules are not files that can be read. */

/** Its files by their paths from the library's root; an executable has been given them when it was made. */
export const EMBEDDED_SOURCES: Readonly<Record<string, string>> | undefined = undefined;

/** Where in that source each stock plugin is made, by its name: an executable has several modules in one. */
export const PLUGIN_PLACES: Readonly<Record<string, PluginPlace>> = {};

/** The path of a module, and the how-manieth of its plugins it is. */
export interface PluginPlace {
  readonly path: string;
  readonly ordinal: number;
}
