/** URLs of modules that are part of the package, which every machine has in a folder of its own. */

const PACKAGE = "package:/";

/** What a module of the package is called everywhere; other modules keep their URLs. `root` ends with a slash. */
export function inPackage(url: string, root: string): string {
  return url.startsWith(root) ? PACKAGE + url.slice(root.length) : url;
}

/** Where a module is found here. */
export function fromPackage(module: string, root: string): string {
  return module.startsWith(PACKAGE) ? new URL(module.slice(PACKAGE.length), root).href : module;
}
