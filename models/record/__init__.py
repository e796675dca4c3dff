"""Models of records: gradient boosted trees and a logistic regression, on the fields of rows."""
