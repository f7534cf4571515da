// The book has its chapters and no sources: there, a link to a folder or file is its name alone.
// mdBook sets path_to_root, the path from a page to the first one.
const book = new URL(path_to_root || ".", document.baseURI).href;
for (const link of document.querySelectorAll("main a[href]")) {
  const isLocal = link.protocol === location.protocol && link.host === location.host;
  if (isLocal && !link.href.startsWith(book)) {
    link.replaceWith(...link.childNodes);
  }
}
