"""Tables, files and charts for notebooks.

``mlsys.bq`` reads and writes tables, ``mlsys.gcs`` reads and writes files, ``mlsys.vis`` draws charts. Environment variables decide
whether tables and files are folders on this machine or live on Google Cloud (``mlsys.settings``); the notebook stays the same.

Nothing is imported here, so that ``import mlsys`` costs nothing: pandas and the rest are loaded by the first call that needs them.
"""

__version__ = "0.1.0"
