"""Everything read-only that is made from the journal, a plan or the catalog: screens, reports, generated pages.

May live here: turning typed values into lines, HTML, Markdown or JSON, with every value neutralised or escaped.
May not: a decision, a write, a look at the world, a command line.
"""
