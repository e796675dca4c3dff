"""Plots, drawn when they are shown: readable at a glance, safe for colour-blind eyes.

Every title says what is compared, on which split, and n. Colours are those of [wong2011]; what they mean is
also shown by marker, line style or words. Text in SVGs is drawn as paths, so a browser needs no font.
"""
