"""One file a page; Streamlit runs it as a script."""
