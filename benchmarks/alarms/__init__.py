"""False alarms and delay of the quality alarm, beside other detectors."""
