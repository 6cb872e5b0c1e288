"""The sections of an evaluation's page, a file each; `soensim.report.evaluation_page.SECTIONS` puts them in order."""
