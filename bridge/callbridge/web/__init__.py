"""What every page of ours needs: assets out of the package, templates, headers that a browser
obeys, and who may ask. No page is here; no build step, nothing from another host."""
