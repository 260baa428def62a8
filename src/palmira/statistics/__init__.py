"""What lifelines and statsmodels lack: methods on printed estimates and on survival times."""
