"""What every finding means: the texts that the command line, Python and the documentation show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Explanation:
    """What a finding means, whatever the data.

    Parameters
    ----------
    code : str
        ``"WD001"`` and up; a code is never given another meaning.
    title : str
        The finding in half a sentence.
    cause : str
        Why it happens, and why it matters for weight decay.
    evidence : str
        The numbers that the finding shows, and from which on it is told.
    remedy : str
        What to do about it.
    source : str
        Where a threshold or a claim comes from; empty where it is our own.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.explain("WD006").anchor
    'docs/findings.md#wd006'
    """

    code: str
    title: str
    cause: str
    evidence: str
    remedy: str
    source: str = ""

    @property
    def anchor(self) -> str:
        """Its place in the documentation."""
        return f"docs/findings.md#{self.code.lower()}"


OF_THE_CURVE = (
    Explanation(
        "WD001",
        "the best decay lies at the edge of the decays given",
        "Decays that are given are used as they are, neither refined nor extended. If the curve still falls where "
        "they end, the best of them is only the least bad, and its loss says nothing of how well the model could do.",
        "The best of the decays given, and the decay that beats it: no decay, infinite decay or a common default, "
        "each tried on the same folds. It is told where that decay is better by more than 0.01 % of the least loss "
        "(between the decays given: by more than the tolerance), or where the best is the first or last of several "
        "decays and the loss still changes by more than 0.01 % from there to no or infinite decay.",
        "Give smaller or larger decays, as the finding says, or give none: the grid then comes from the data and is "
        "extended until it brackets the best.",
    ),
    Explanation(
        "WD002",
        "the held-out curve is flat: decay hardly matters here",
        "Either the columns say so little about the target that shrinking them to nothing costs nothing, or there are "
        "so many rows for so few columns that the coefficients are sure without help. In both cases the best decay is "
        "decided by chance, and another split of the rows may move it by powers of ten.",
        "The window of decays within the tolerance (1 % unless told otherwise) of the least held-out loss: it reaches "
        "from no decay to infinite decay. Under a scorer the tolerance is a share of what the best gains on a "
        "constant prediction.",
        "Choose any decay and spend no time on it. If the model predicts badly, better columns will help and another "
        "decay will not.",
    ),
    Explanation(
        "WD003",
        "the held-out curve has several minima",
        "The curve is a sum over directions of the data, and directions of very different variance can ask for very "
        "different decays. One minimum may also be an accident of a few held-out rows. A search that walks downhill "
        "ends in whichever minimum is nearer; this one looks at all decades and takes the deepest.",
        "The decays of the minima and their losses. Minima count as two where the curve between them rises by more "
        "than the tolerance (and 0.1 %) of the least loss; those that are worse than the best by over 10 % are not "
        "told.",
        "Look at the curve. Tune again with repeated folds or another seed: a minimum that stays is real. Where the "
        "two minima belong to groups of columns, a decay weight for each group serves both.",
        "Stephenson, Frangella, Udell & Broderick (2021), Can we globally optimize cross-validation loss? "
        "Quasiconvexity in ridge regression, NeurIPS 34.",
    ),
    Explanation(
        "WD012",
        "other criteria disagree with cross-validation",
        "Generalised cross-validation and the evidence judge a decay from the fit on all rows, as if the errors of "
        "rows were independent and of one size. Where they are not — rows come in groups, follow each other in time, "
        "or a few are outliers — they may choose a very different decay, and so may shuffled folds, which hold out "
        "rows whose relatives they train on.",
        "What each criterion would choose and what that costs in held-out loss. It is told from 5 % of the least loss "
        "and two paired standard errors on, where the criterion's best lies inside the decays given, and where the "
        "loss is the squared error.",
        "Trust the held-out loss, provided that rows are held out as the model will be used: by whole groups (groups) "
        "or later rows by earlier ones (time folds) if they are related.",
        "Golub, Heath & Wahba (1979), Technometrics 21(2); Roberts et al. (2017), Cross-validation strategies for "
        "data with temporal, spatial, hierarchical, or phylogenetic structure, Ecography 40(8).",
    ),
    Explanation(
        "WD013",
        "the solver stopped before the tolerance was met",
        "An iterative solver has used up its iterations, so that a held-out loss belongs to coefficients that are not "
        "yet those of its decay. Small decays take longest. Stopping early acts like decay itself: where it happens "
        "the curve looks flatter than it is.",
        'How many of the fits (folds times decays) stopped early, and at which decays; their status begins with "not '
        'converged".',
        "Raise max_iter, or standardise the columns, which speeds most solvers up. If these decays are far from the "
        "best, nothing needs to be done.",
    ),
    Explanation(
        "WD018",
        "the search was interrupted: not all decays were tried",
        "The work was stopped by the interrupt key before it was done. What was finished by then is a result of its "
        "own, but the grid is coarser than it would have become, and the best decay may lie between or beyond those "
        "tried.",
        "How many decays were finished, and how many had been asked for by then. Decays are tried from coarse to "
        "fine, so that those finished span the same decades.",
        "Take it for a first look, and run the search to its end before relying on the decay.",
    ),
    Explanation(
        "WD022",
        "the held-out loss is less sure than its spread over folds says",
        "Folds share most of their training rows, so that an unlucky row makes the losses of many folds worse at once: "
        "their spread tells too little of how far the loss may be off. And the decay in use was chosen by these very "
        "losses, the least of which is a little too good. Both matter where rows are few for the columns.",
        "The upper ends of the two 95 % intervals for the held-out loss, where that of nested cross-validation, which "
        "leaves every fold out of the choice of the decay as well, lies over 2.5 times as far above the loss as that "
        "of the spread over folds, or under leave-one-out over rows.",
        "Quote the nested interval. The choice of the decay itself is hardly touched: decays are compared on the same "
        "folds, by paired errors. More rows or fewer columns make the loss surer.",
        "Bates, Hastie & Tibshirani (2024), Cross-validation: what does it estimate and how well does it do it?, "
        "Journal of the American Statistical Association 119.",
    ),
    Explanation(
        "WD023",
        "groups of columns want very different decays",
        "Each group of decay_groups has a strength of its own, and the held-out loss is least where they differ much. "
        "The coefficients of a strong group are shrunk to little: its columns are noise, or many that say the same. "
        "Those of a weak one are left nearly free: its columns say much about the target. One decay for both would "
        "either let the noise in or shrink what matters.",
        "The strongest and the weakest group, where their strengths differ by more than a factor of 100, and the "
        "groups that are of no use, which is told where infinite decay of the group costs less than 0.01 % of the "
        "held-out loss.",
        "Look at the weak group: if it is nearly free because it knows the target, it is a leak. A group of no use may "
        "be left out of the data. Else use the tuned decay weights as they are.",
        "Dupré la Tour, Eickenberg, Nunez-Elizalde & Gallant (2022), Feature-space selection with banded ridge "
        "regression, NeuroImage 264.",
    ),
    Explanation(
        "WD024",
        "the strengths of groups are not sure: one decay may do as well",
        "The strengths of groups are chosen for the least held-out loss, each a number more that is fitted to the "
        "held-out rows. With many groups and few rows the least loss is partly luck, and its strengths may do worse on "
        "new rows than one decay for all.",
        "The numbers of groups and rows, where there are fewer than 20 rows for each group, and the gain on the best "
        "single decay, where it is within one paired standard error.",
        "Join groups that mean similar things, or leave decay_groups out. Repeated folds, or rows that were kept "
        "aside, tell whether the gain is real.",
        "Cawley & Talbot (2010), On over-fitting in model selection and subsequent selection bias in performance "
        "evaluation, Journal of Machine Learning Research 11.",
    ),
    Explanation(
        "WD027",
        "held-out probabilities cannot be taken at their word",
        "Of the rows that are given a probability of 80 %, about 80 % should be what was predicted. Decay pulls all "
        "probabilities towards the class shares: with too much of it they are less sure than the columns allow, with "
        "too little surer than they may be. The log-loss punishes both, accuracy and the area under the ROC curve "
        "neither, so that a decay that is best for these may leave probabilities that mean nothing. So does a rule "
        "that takes more decay than the best, a class weight, which moves all probabilities towards the classes that "
        "it favours, and an effect that no weighted sum of these columns can follow.",
        "The slope of a logistic recalibration of the held-out probabilities, 1 where they are right, above where they "
        "are not sure enough, below where they are too sure; and the mean distance, over at most 12 groups of rows, "
        "between predicted probabilities and what came true. It is told where the slope is above 2 or below 0.5 and "
        "three standard errors away from 1, or where that distance is over 5 percentage points and three standard "
        "deviations more than chance would give.",
        "Tune by the log-loss, by the rule of the least loss and without class weights if probabilities are to be "
        "used; if they are so already, add columns (squares, products) or recalibrate the probabilities on rows of "
        "their own. Where only the predicted classes or their order count, all may be well.",
        "Cox (1958), Two further applications of a model for binary regression, Biometrika 45; Van Calster et al. "
        "(2019), Calibration: the Achilles heel of predictive analytics, BMC Medicine 17.",
    ),
)

OF_THE_DATA = (
    Explanation(
        "WD004",
        "columns differ widely in scale and are not standardised",
        "Decay pulls on coefficients, and a coefficient is as large as the unit of its column is small: metres "
        "instead of kilometres make it a thousand times smaller and its penalty a million times. Without "
        "standardisation one decay therefore shrinks some columns to nothing and leaves others alone, by an accident "
        "of units.",
        "The columns of the largest and the smallest standard deviation, where these differ by more than a factor of "
        "100.",
        "Standardise (the default), or bring the columns to one unit yourself if their sizes mean something.",
        "Hastie, Tibshirani & Friedman (2009), The Elements of Statistical Learning, section 3.4.1.",
    ),
    Explanation(
        "WD005",
        "columns are collinear or duplicated",
        "Some columns say the same as others, alone or in combination. The predictions are fine, but the data decide "
        "only what such columns weigh together. Without decay their separate coefficients are arbitrary or very "
        "uncertain; decay splits the common weight evenly between equal columns, so that each looks half as important.",
        "The columns. Copies (up to sign, scale and shift) have a correlation within 1e-10 of ±1. Columns are "
        "linearly dependent where the smallest singular value of the standardised columns is below 1e-12 of the "
        "largest. They are collinear from a condition index (the ratio of these singular values) of 30 on, where the "
        "columns named make up the direction of the smallest.",
        "Keep one of each copy. Read the coefficients of collinear columns together, not one by one; to predict, "
        "nothing needs to be done.",
        "Belsley, Kuh & Welsch (1980), Regression Diagnostics, chapter 3; Belsley (1991), Conditioning Diagnostics.",
    ),
    Explanation(
        "WD006",
        "a column is constant",
        "What never varies says nothing about the target, and it cannot be scaled to standard deviation 1. It gets "
        "the coefficient 0 and does not count among the degrees of freedom. A column may also be constant only "
        "because the rows in which it varies have weight 0.",
        "The columns whose variance is below 1e-28 of their mean square, which is rounding.",
        "Leave them out. If they ought to vary, look at how the table was made.",
    ),
    Explanation(
        "WD007",
        "one column almost alone explains the target: a likely leak",
        "Such a column is often made from the target or after it — a total, a rounded copy, a later measurement — and "
        "will not be there when the model is used. While it is there the curve is a flat valley close to no decay, "
        "since one large coefficient does all, and neither the loss nor the decay means anything for real use.",
        "The column and the share of the target's variance that it explains alone (its squared correlation), where "
        "that is over 98 %. Told from 10 rows and two columns on.",
        "Ask whether its value is known before the target is. If not, drop it and tune again. If so, it may be all "
        "the model that is needed.",
        "Kaufman, Rosset, Perlich & Stitelman (2012), Leakage in data mining: formulation, detection, and avoidance, "
        "ACM TKDD 6(4).",
    ),
    Explanation(
        "WD008",
        "a column looks like an identifier",
        "Numbers that merely count the rows carry no cause, yet if the rows are sorted by anything that matters they "
        "carry the order, and shuffled folds let the model interpolate in it: held-out losses become too good, and "
        "the decay that is tuned on them too small.",
        "The columns that hold every whole number of a range exactly once. Told from 20 rows on.",
        "Drop it. If the order means time, hold out later rows by earlier ones instead of at random.",
        "Kaufman, Rosset, Perlich & Stitelman (2012), as for WD007.",
    ),
    Explanation(
        "WD009",
        "one row dominates a column",
        "The scale of a standardised column is set by its largest values. Where a single row makes up much of its "
        "variance, that row decides how strongly decay acts on the coefficient of all others, and whether it is held "
        "out changes the model. Leave-one-out keeps the scales of all rows, so cv='auto' then takes folds.",
        "The row, the column and the share of the column's variance that the row makes up: over 10 %, and in small "
        "tables over 4 ln(np)/n (twice what the largest of n rows × p columns of normal numbers makes up), at most a "
        "half.",
        "Look at that row for a slip of the unit or the decimal point. If it is right, a logarithm or a cap of the "
        "column often helps.",
    ),
    Explanation(
        "WD010",
        "very few rows",
        "Every held-out loss is a mean over rows, and of few rows it is uncertain, often more so than decays differ. "
        "The best decay is then largely chance, though some decay is more likely to help than with many rows.",
        "The number of rows with positive weight, where that is below 30.",
        "Read the plausible range rather than the best decay, prefer the rule '1se', and get more rows if you can.",
    ),
    Explanation(
        "WD011",
        "more columns than rows",
        "Without decay there are then infinitely many coefficients that fit every row exactly; the one of least norm "
        "is taken for no decay. Decay is what makes the model at all, so the choice matters more than usual, and the "
        "coefficient of a single column means little.",
        "The numbers of columns and of rows with positive weight.",
        "Rely on the tuned decay and judge the model by its held-out loss, not by its coefficients or its fit.",
        "Hastie, Montanari, Rosset & Tibshirani (2022), Surprises in high-dimensional ridgeless least squares "
        "interpolation, Annals of Statistics 50(2).",
    ),
    Explanation(
        "WD014",
        "digits are at risk: the problem is ill-conditioned",
        "Some combination of columns is almost zero. Without decay, or with very little, the coefficients along it "
        "amplify the smallest change of the data, such as rounding to seven digits, by the condition number. Decay is "
        "the cure: it bounds the condition of the equations by the largest variance of a combination over λ.",
        "The condition number of the standardised columns, where an eigenvalue of their correlations is below 1e-10 "
        "but the columns are not exactly dependent (WD005), and the columns that make up the direction. Of "
        "scikit-learn's estimators the decays at which their solver says itself that its equations are "
        "ill-conditioned, or takes singular values for variance that are rounding: what such a fit predicts may be "
        "noise, so it is given no loss.",
        "Trust a tuned decay, or leave out or combine some of these columns. Where every level of a category is a "
        "column, leave out one of them, or tune wd.LinearRegression(), which solves such equations without loss.",
        "Higham (2002), Accuracy and Stability of Numerical Algorithms, chapter 20.",
    ),
)

OF_THE_TABLE = (
    Explanation(
        "WD015",
        "columns of the table were left out",
        "A model of numbers cannot learn from every column of a table: not from texts of which nearly every one is "
        "another, as identifiers are, nor from dates of unusual forms, a value that is the same in all rows, or no "
        "value at all. Such columns are left out rather than guessed at, and what they might say about the target is "
        "lost.",
        "The columns and why each was left out, as the column plan has it. Columns that you drop yourself are not "
        "told.",
        "If a column holds words that matter, name it as a text column; if it holds numbers or dates in an unusual "
        "form, rewrite it; if it is of no use, drop it, and the finding goes.",
    ),
    Explanation(
        "WD016",
        "a target of few whole numbers looks like classes",
        "A target such as 0 and 1, or the numbers of three cultivars, names classes. The squared error takes them for "
        "amounts: class 2 lies halfway between 1 and 3, and a sure prediction of 1.3 for a 1 is punished like an "
        "unsure one of 0.7. The decay that is best for that loss is in general not the best for telling classes apart.",
        "The number of different values of the target, where they are at most 10, all whole numbers, and each is held "
        "by 5 rows or more on average.",
        "If they are counts or grades, all is well. If they are classes, tune a classifier, whose loss is made for "
        "them: wd.LogisticRegression, on the command line --model logistic.",
    ),
    Explanation(
        "WD017",
        "many values are missing",
        "A gap takes the median of the training rows (of a category: their most frequent value), and a flag column "
        "says that it was one. The more gaps there are, the more of the column is a guess that is the same in all of "
        "them. Where a value is missing for a reason that has to do with the target, the flag carries the effect, and "
        "decay shrinks the flag like any column.",
        "The columns of which more than 20 % of the values are missing, and the shares.",
        "Ask why the values are missing. If it is by chance and rows are plenty, leave out those rows; if it says "
        "something itself, the flag is what you want; if hardly any value is there, drop the column.",
        "Van Ness, Bosschieter, Halpin-Gregorio & Udell (2023), The missing indicator method: from low to high "
        "dimensions, KDD.",
    ),
    Explanation(
        "WD019",
        "rows have dates, but were held out at random",
        "Where rows follow each other in time, neighbours resemble each other and what is predicted changes. Held out "
        "at random, a row is predicted from later rows as well as from earlier ones, which no prediction of the future "
        "can be, so that the held-out loss is too good and its best decay often too small.",
        "The columns of dates in the column plan, where rows were held out one by one or in shuffled folds, neither by "
        "groups nor by folds of your own.",
        "If the model is to predict later rows, hold these out by earlier ones: --time-column on the command line, "
        "wd.read(…, time=…) or cv=wd.time_folds(times) in Python. If the dates mean something else, such as dates of "
        "birth, all is well.",
        "Bergmeir & Benítez (2012), On the use of cross-validation for time series predictor evaluation, Information "
        "Sciences 191.",
    ),
)
