"""How the site is made: chapters run, pages, notebooks, slides, PDFs, the bundle."""
