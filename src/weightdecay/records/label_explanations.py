"""What the findings on the labels of classes mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

OF_LABELS = (
    Explanation(
        "WD028",
        "classes are separable",
        "Where a combination of columns has all rows of a class on one side, every enlargement of its coefficients "
        "makes the training loss smaller: the fit without decay runs away, its standard errors mean nothing, and "
        "programs stop wherever their patience ends. Any decay at all gives a single, finite model. Often it is good "
        "news, or there are few rows beside the columns; sometimes a column says what was only known afterwards.",
        "Newton's method without decay, on all rows: it ends at a model that has every row on its own side, or its "
        "steps go on though the gradient has gone (quasi-separation).",
        "Trust the tuned decay. Ask of the columns with the largest coefficients whether they are known before the "
        "class is.",
        "Albert & Anderson (1984), On the existence of maximum likelihood estimates in logistic regression models, "
        "Biometrika 71(1).",
    ),
    Explanation(
        "WD025",
        "a class has few rows",
        "The held-out loss is a mean over rows, so that the decay is chosen for the classes of most rows. What a model "
        "knows of a class comes from its few rows, of which each fold leaves some out, and a class of a single row is "
        "never held out at all: nothing is known of how well it is found. Where one class is rare the accuracy "
        "of always predicting the others is high, and says nothing.",
        "The classes with fewer than 10 rows of positive weight, or with fewer than 1 % of them, and how many they "
        "have.",
        "Get more rows of the class, merge it with another, or leave its rows out. If it is what matters, weigh the "
        "classes alike (--class-weight balanced, class_weight='balanced') and judge by a scorer that sees rare "
        "classes, such as balanced_accuracy or f1_macro, rather than by accuracy; the probabilities are then those of "
        "classes that are equally frequent.",
        "King & Zeng (2001), Logistic regression in rare events data, Political Analysis 9(2).",
    ),
    Explanation(
        "WD026",
        "classes differ only by capitals or white space",
        "Labels such as 'yes', 'Yes' and 'yes ' usually mean the same and were typed by different hands. As classes of "
        "their own they share the rows of one, nothing tells them apart, and every probability is split between them; "
        "the log-loss can never be small.",
        "The labels that are equal once capitals, white space and the way in which letters are coded (Unicode's "
        "compatibility form) are left out of account.",
        "Write them alike in the data. If they do mean different things, all is well.",
    ),
)
