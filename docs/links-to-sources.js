// The book has its chapters and no sources: there, a link to a folder is its name alone.
for (const link of document.querySelectorAll('main a[href^="../"]')) {
  link.replaceWith(...link.childNodes);
}
