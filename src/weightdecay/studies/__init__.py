"""What needs several rooms: tuning any estimator, tables and estimators together, saved models."""
