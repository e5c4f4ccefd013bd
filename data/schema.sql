-- The contract between `precompute` (the only writer) and `app` (a reader).
-- Every column says its unit and range. Ids count from 0 and never change inside a file.
-- A file is immutable: another recipe, model or image set is another file.

CREATE TABLE build (            -- one row
    schema_version  USMALLINT NOT NULL,  -- a reader refuses any other version than its own
    name            VARCHAR NOT NULL,    -- the recipe's name
    fingerprint     VARCHAR NOT NULL,    -- hex; of recipe, images and model: same inputs, same value
    recipe          VARCHAR NOT NULL,    -- TOML, verbatim; below it the banks and heads that were chosen where it names none
    seed            BIGINT NOT NULL,
    versions        VARCHAR NOT NULL,    -- JSON: package name -> version
    dataset         VARCHAR NOT NULL,    -- name of the data set
    n_images        UINTEGER NOT NULL,   -- images used, all splits
    n_skipped       UINTEGER NOT NULL,   -- inputs that could not be used
    multi_label     BOOLEAN NOT NULL,    -- an image can carry several labels: they are in image_class, and image.class_id is NULL
    renamed_from    VARCHAR              -- fingerprint of the build whose concepts got these names later; NULL: its own
);

CREATE TABLE stage (            -- what the build did, in order
    stage_id        USMALLINT PRIMARY KEY,
    name            VARCHAR NOT NULL,
    bank_id         USMALLINT,           -- the bank that it was for; NULL: for all, or for no bank
    seconds         DOUBLE NOT NULL,     -- wall clock, >= 0; of the run that did it (resumed work keeps its own)
    n               UBIGINT NOT NULL,    -- how many units were worked
    unit            VARCHAR NOT NULL     -- of n: "images", "banks", "rows"
);

CREATE TABLE notice (           -- parts of the recipe that could not be done, in plain words
    stage           VARCHAR NOT NULL,
    subject         VARCHAR NOT NULL,    -- bank, head or method concerned
    message         VARCHAR NOT NULL
);

CREATE TABLE class (            -- labels of the images and outputs of the backbone, matched by name
    class_id        UINTEGER PRIMARY KEY,
    name            VARCHAR NOT NULL,
    labelled        BOOLEAN NOT NULL,    -- some image carries it as its label, or it is a label of a multi-label set
    output          UINTEGER             -- index among the backbone's logits; NULL: not one of them
);

CREATE TABLE image (
    image_id        UINTEGER PRIMARY KEY,
    file            VARCHAR NOT NULL,    -- relative to the data set's root, forward slashes
    class_id        UINTEGER,            -- label; NULL: unlabelled
    split           VARCHAR NOT NULL,    -- "train" (banks and heads fit on it), "val" (strengths are chosen on it), "test" or a further name
    width           UINTEGER NOT NULL,   -- pixels, upright
    height          UINTEGER NOT NULL,   -- pixels, upright
    note            VARCHAR NOT NULL,    -- what decoding had to do ("first of 12 frames"); "" if nothing
    view_x0         FLOAT NOT NULL,      -- the part of the image that the model sees, as fractions of
    view_y0         FLOAT NOT NULL,      --   width and height; maps cover exactly this box.
    view_x1         FLOAT NOT NULL,      --   0..1 for a crop, outside where the processor pads
    view_y1         FLOAT NOT NULL
);

CREATE TABLE image_class (      -- labels of the images of a multi-label set; a pair that is not listed is unknown
    image_id        UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,
    present         BOOLEAN,             -- NULL: said to be uncertain, which counts as unknown
    PRIMARY KEY (image_id, class_id)
);

CREATE TABLE picture (          -- apart from `image`, so that scans of facts touch no bytes
    image_id        UINTEGER PRIMARY KEY,
    thumb           BLOB NOT NULL,       -- JPEG, long side <= 128 px
    picture         BLOB NOT NULL        -- JPEG, long side <= 384 px
);

CREATE TABLE altered (          -- images that are made from others, the recipe's `corruptions`
    image_id        UINTEGER PRIMARY KEY,
    original_id     UINTEGER NOT NULL,   -- image.image_id of what it was made from
    kind            VARCHAR NOT NULL,    -- key of data.datasets.corruptions.CORRUPTIONS
    about           VARCHAR NOT NULL     -- what was done and how strongly, in words
);

CREATE TABLE pooled (           -- the model at its layer, for comparing models; at most 5,000 images
    image_id        UINTEGER PRIMARY KEY,
    vector          FLOAT[] NOT NULL     -- backbone.width numbers: the mean over tokens, unit of activation
);

CREATE TABLE image_layout (     -- the images on a plane: UMAP of pooled activations; at most 1,000
    image_id        UINTEGER PRIMARY KEY,
    x               FLOAT NOT NULL,      -- no unit
    y               FLOAT NOT NULL       -- no unit
);

CREATE TABLE image_neighbour (  -- the images nearest to an image
    image_id        UINTEGER NOT NULL,
    rank            USMALLINT NOT NULL,  -- 0..
    other_id        UINTEGER NOT NULL,
    cosine          FLOAT NOT NULL       -- of pooled activations about their mean, -1..1
);

CREATE TABLE layout_quality (   -- are neighbours on a plane neighbours in the space it was made from?
    bank_id         USMALLINT,           -- a bank's directions; NULL: the images
    trustworthiness DOUBLE NOT NULL,     -- 0..1; 1: every neighbour on the plane is one in the space
    chance          DOUBLE NOT NULL,     -- the same with the places dealt out at random
    n_neighbours    UINTEGER NOT NULL,   -- looked at, for each point
    n               UINTEGER NOT NULL    -- points judged, against each other
);

CREATE TABLE skipped (          -- inputs that could not be used
    file            VARCHAR NOT NULL,
    reason          VARCHAR NOT NULL     -- plain words
);

CREATE TABLE backbone (         -- one row
    name            VARCHAR NOT NULL,
    layer           VARCHAR NOT NULL,    -- dotted module name
    grid_h          USMALLINT NOT NULL,  -- token rows
    grid_w          USMALLINT NOT NULL,  -- token columns; token = row * grid_w + column
    width           UINTEGER NOT NULL,   -- d, numbers per token
    input_h         UINTEGER NOT NULL,   -- pixels fed to the model
    input_w         UINTEGER NOT NULL,
    n_extra         USMALLINT NOT NULL,  -- CLS and register tokens, kept off the grid
    linear          BOOLEAN NOT NULL,    -- logits are a linear map of the mean token (checked on probes)
    link            VARCHAR NOT NULL,    -- how its logits become probabilities: "softmax" over all, or "sigmoid" of each
    cls_linear      BOOLEAN NOT NULL,    -- logits are linear in the CLS token of the layer (checked on probes)
    reads_patches   BOOLEAN,             -- exchanging the layer's patches changes what the model answers (checked on probes);
                                         --   NULL: unknown of a family whose inside cannot be reached
    why             VARCHAR NOT NULL     -- why concepts are sought at this layer, for people
);

CREATE TABLE method (           -- every method that the build knew, used or not: what the app says of it
    kind            VARCHAR NOT NULL,    -- "bank", "head", "importance" or "saliency"
    method          VARCHAR NOT NULL,    -- bank.method, head.kind, importance.method or saliency.method
    place           USMALLINT NOT NULL,  -- 0.., in the order shown
    title           VARCHAR NOT NULL,    -- its name for people
    about           VARCHAR NOT NULL,    -- one or a few sentences for people
    unit            VARCHAR,             -- of a code, an importance or a map's value; NULL: of a head
    signed          BOOLEAN,             -- values below zero are evidence against; NULL: of heads and banks (bank.signed)
    costly          BOOLEAN,             -- importance: run on few concepts of an image where no weight says what they
                                         --   bring; NULL: of other kinds
    PRIMARY KEY (kind, method)
);

CREATE TABLE prediction (       -- the backbone's own; empty when it does not classify
    image_id        UINTEGER PRIMARY KEY,
    class_id        UINTEGER NOT NULL,   -- argmax
    prob            FLOAT NOT NULL,      -- probability of class_id by backbone.link, 0..1
    logit           FLOAT[] NOT NULL     -- by class.output
);

-- Ground truth --------------------------------------------------------------------------------

CREATE TABLE labelled_concept (
    labelled_id     UINTEGER PRIMARY KEY,
    name            VARCHAR NOT NULL,
    grouping        VARCHAR,             -- concepts of one grouping exclude each other; NULL: alone
    part            VARCHAR              -- where it is seen, names part.part and mask.part; NULL: unknown
);

CREATE TABLE image_label (      -- per image; a pair that is not listed is unknown
    image_id        UINTEGER NOT NULL,
    labelled_id     UINTEGER NOT NULL,
    present         BOOLEAN NOT NULL
);

CREATE TABLE class_label (      -- per class
    class_id        UINTEGER NOT NULL,
    labelled_id     UINTEGER NOT NULL,
    fraction        FLOAT NOT NULL       -- share of the class that shows it, 0..1
);

CREATE TABLE part (             -- two rows for a part that an image shows twice (left and right wing)
    image_id        UINTEGER NOT NULL,
    part            VARCHAR NOT NULL,
    x               FLOAT,               -- pixels of the upright image from its left; NULL: not visible
    y               FLOAT,               -- from its top
    visible         BOOLEAN NOT NULL
);

CREATE TABLE mask (
    image_id        UINTEGER NOT NULL,
    part            VARCHAR NOT NULL,
    height          UINTEGER NOT NULL,
    width           UINTEGER NOT NULL,
    runs            UINTEGER[] NOT NULL  -- run lengths, row-major; the first counts pixels outside
);

-- Concepts ------------------------------------------------------------------------------------

CREATE TABLE bank (
    bank_id         USMALLINT PRIMARY KEY,
    name            VARCHAR NOT NULL,    -- unique in the file
    method          VARCHAR NOT NULL,    -- key of core.concepts.METHODS
    n_concepts      UINTEGER NOT NULL,
    signed          BOOLEAN NOT NULL,    -- codes can be negative (evidence against)
    dense           BOOLEAN NOT NULL,    -- every token has every code; see `code`
    params          VARCHAR NOT NULL,    -- JSON, as fitted
    label_level     VARCHAR,             -- "image" or "class": what labels trained it; NULL: none did
    code_unit       VARCHAR NOT NULL,    -- what a code measures
    pool            VARCHAR NOT NULL,    -- what a score is read from: "mean" or "max" of the map, or "cls": the CLS token
    control_kind    VARCHAR NOT NULL,    -- what it is compared with wherever a control is given: "matched", its own
                                         --   directions turned at random, each on as often and as strongly as its concept,
                                         --   or "random", as many random directions, coded as sparsely
    r2              DOUBLE,              -- share of token variance the bank reconstructs, <= 1; NULL: it does not
    l0              DOUBLE NOT NULL,     -- mean number of non-zero codes a token
    n_dead          UINTEGER NOT NULL,   -- concepts that no image activates
    seconds         DOUBLE NOT NULL,     -- fit, wall clock
    tensors         BLOB NOT NULL        -- safetensors; core.concepts.restore reads it
);

CREATE TABLE concept (
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,   -- 0..n_concepts-1 within the bank
    name            VARCHAR,             -- NULL: unnamed
    name_source     VARCHAR NOT NULL,    -- "label" (fitted to it), "word" (fitted to it, or named by whoever made
                                         --   the bank), "matched" (best-matching label), "vocabulary" (nearest word,
                                         --   see concept_name), "unnamed"; the first that holds, in this order
    labelled_id     UINTEGER,            -- the best-matching labelled concept: behind the name of "label" and "matched"
    name_auc        DOUBLE,              -- 0..1, chance 0.5: score against that label (matched: chosen on train, measured on held-out images)
    name_iou        DOUBLE,              -- 0..1: strongest tokens against that label's part mask, held-out images
    name_iou_chance DOUBLE,              -- 0..1: what 99 of 100 shuffles of the map's tokens inside each image stay below; NULL: no masks
    name_iou_best   DOUBLE,              -- 0..1: the same of the best map with as many tokens in each image; NULL: no masks
    name_iou_n      UINTEGER,            -- held-out images with that label and mask, of at most 300 that are looked at
    name_n          UINTEGER,            -- held-out images behind name_auc
    second_id       UINTEGER,            -- runner-up labelled concept: the other one of the highest AUC on train images
    second_auc      DOUBLE,              -- 0..1, on held-out images
    name_margin     DOUBLE,              -- -1..1, on train images, where names are chosen: AUC minus that of the runner-up
    place_margin    DOUBLE,              -- > 0, on train images: place (0 chance, 1 best) by which the label leads those of about
                                         --   its AUC; NULL: AUC decided, or nothing did
    doubt           VARCHAR NOT NULL,    -- "" or of low AUC, small lead, out of place, joined by ", ". Where a label is the name:
                                         --   how weak a name (held-out images); else why none is (train images)
    hint            VARCHAR NOT NULL,    -- what stands out: a class among its strongest images, a place, a colour; no name; "": nothing
    train_accuracy  DOUBLE,              -- of the probe that made a CAV, 0..1; NULL for other methods
    test_accuracy   DOUBLE,
    train_auc       DOUBLE,
    test_auc        DOUBLE,
    base_rate       DOUBLE,              -- share of test images that show the label, 0..1 (accuracy's chance is max(p, 1-p))
    map_scale       DOUBLE NOT NULL,     -- code = quantised value * map_scale; 0 for a dead concept
    peak_p99        DOUBLE NOT NULL,     -- 99th percentile of |peak| over active images: the default overlay range
    n_active        UINTEGER NOT NULL,   -- images with a non-zero code (signed: a positive score)
    frequency       DOUBLE NOT NULL,     -- n_active / n_images
    density         DOUBLE NOT NULL,     -- share of tokens with a non-zero (signed: positive) code
    mean            DOUBLE NOT NULL,     -- of the score over all images, zeros included
    std             DOUBLE NOT NULL,
    score_min       DOUBLE NOT NULL,     -- of the score over all images ...
    score_q05       DOUBLE NOT NULL,
    score_q25       DOUBLE NOT NULL,
    score_q50       DOUBLE NOT NULL,
    score_q75       DOUBLE NOT NULL,
    score_q95       DOUBLE NOT NULL,
    score_max       DOUBLE NOT NULL,
    present_q50     DOUBLE,              -- median score where the concept is present (labelled), else active
    absent_q50      DOUBLE,              -- median score where it is absent, else inactive; NULL: no such image
    class_entropy   DOUBLE,              -- bits, of the share of |score| by class; NULL: unlabelled, or multi-label
    position_entropy DOUBLE NOT NULL,    -- bits, of the mean |map| over the grid; max log2(grid_h * grid_w)
    mean_map        FLOAT[] NOT NULL,    -- mean code at each token, row-major
    skew            DOUBLE,              -- of the score over all images, 0: symmetric; NULL: it does not vary
    kurtosis        DOUBLE,              -- excess, 0: normal; high: silent on most images, loud on few
    class_share     DOUBLE,              -- share of the positive score in the class that has most, 0..1; NULL: unlabelled, or multi-label
    image_share     DOUBLE,              -- share of the positive score in the image that has most, 0..1
    separability    DOUBLE,              -- 0..1, mean Jensen-Shannon distance of held-out scores between classes; multi-label:
                                         --   between images with and without a label, mean over labels
    separability_chance DOUBLE,          -- the same with the classes shuffled
    separability_n  UINTEGER,            -- held-out labelled images behind both; NULL: none
    label_separability DOUBLE,           -- 0..1, mean Jensen-Shannon distance of held-out scores with and without a label, over labels
    label_separability_chance DOUBLE,    -- the same with the images shuffled
    label_separability_n UINTEGER,       -- labels behind both; NULL: none
    border_share    DOUBLE,              -- share of |code| in the outermost ring of the grid, 0..1; NULL: dead
    place_share     DOUBLE,              -- share of |code| in the tenth of the grid's places that has most, 0..1; NULL: dead
    nearest_cosine  DOUBLE,              -- largest cosine with another direction of the bank, -1..1; NULL: none
    monosemanticity DOUBLE,              -- -1..1, mean cosine of the backbone's pooled activations between its top images
    monosemanticity_chance DOUBLE,       -- the same between all images
    monosemanticity_n UINTEGER NOT NULL, -- top images, 24 at most
    map_r           DOUBLE,              -- -1..1, correlation over images of the score with the mean of the map; NULL: the score is
                                         --   read from the map (bank.pool), or one of the two does not vary
    map_r_lo        DOUBLE,              -- of its 95 % interval (jackknife, on Fisher's z); NULL: on fewer than 10 images
                                         --   the score or the map's mean is not the smallest there is
    map_r_hi        DOUBLE,              -- the same
    map_r_chance    DOUBLE,              -- 0..1, mean size of the correlation with the images shuffled
    map_r_n         UINTEGER,            -- images behind it: the held-out ones, or all where there is none
    flags           VARCHAR NOT NULL,    -- "" or of dead, rare, dense, single class, single image, border, fixed place, near duplicate, joined by ", "
    umap_x          FLOAT,               -- 2-D layout of the bank's directions (no unit)
    umap_y          FLOAT,
    PRIMARY KEY (bank_id, concept_id)
);

CREATE TABLE score (            -- image level, by bank.pool; ordered by bank, concept, score descending
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    image_id        UINTEGER NOT NULL,
    score           FLOAT NOT NULL,      -- by bank.pool, in bank.code_unit; a pair that is not listed is 0
    peak            FLOAT NOT NULL,      -- largest code over tokens (signed: of largest magnitude)
    peak_token      USMALLINT NOT NULL
);

CREATE TABLE code (             -- token level: the maps; one row an image and bank
    bank_id         USMALLINT NOT NULL,
    image_id        UINTEGER NOT NULL,
    concept         USMALLINT[],         -- sparse banks: ordered by concept, then token;
    token           USMALLINT[],         --   both NULL for dense banks,
    value           SMALLINT[] NOT NULL, --   whose values are all n_concepts * tokens, concept by concept.
                                         -- value * concept.map_scale = code; never clipped, sign kept
    PRIMARY KEY (bank_id, image_id)
);

CREATE TABLE histogram (        -- of scores over images, 40 equal bins; zeros of sparse banks apart
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    lo              DOUBLE NOT NULL,     -- first edge
    hi              DOUBLE NOT NULL,     -- last edge
    counts          UINTEGER[] NOT NULL, -- images per bin; the last bin includes its upper edge
    n_zero          UINTEGER NOT NULL    -- images at exactly 0, in no bin (sparse banks)
);

CREATE TABLE example_group (    -- quantile groups of a concept's active images
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    group_id        UTINYINT NOT NULL,   -- 0.. in the order shown
    name            VARCHAR NOT NULL,    -- "top", "95-99 %", ..., "random active", "near zero"
    lo              DOUBLE NOT NULL,     -- scores of the group lie in [lo, hi]
    hi              DOUBLE NOT NULL,
    n               UINTEGER NOT NULL    -- images in the group, of which `example` keeps some
);

CREATE TABLE example (
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    group_id        UTINYINT NOT NULL,
    rank            USMALLINT NOT NULL,  -- 0.. by score descending
    image_id        UINTEGER NOT NULL,
    score           FLOAT NOT NULL,
    peak            FLOAT NOT NULL,
    peak_token      USMALLINT NOT NULL
);

CREATE TABLE concept_class (    -- how a concept goes with a class, over labelled images
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,
    n               UINTEGER NOT NULL,   -- images of the class; of a label, those known to carry it
    mean            DOUBLE NOT NULL,     -- of the score in the class
    difference      DOUBLE NOT NULL,     -- mean in the class minus mean outside; of a label, where it is known to be absent
    auc             DOUBLE               -- class against rest by score; chance 0.5; NULL: one side empty
);

CREATE TABLE neighbour (        -- the concepts nearest to a concept in its bank
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    kind            VARCHAR NOT NULL,    -- "cosine" of directions or "lift" of co-activation
    rank            USMALLINT NOT NULL,  -- 0..
    other_id        UINTEGER NOT NULL,
    value           DOUBLE NOT NULL,     -- cosine -1..1; lift >= 0, 1 = independent
    n               UINTEGER NOT NULL    -- images where both are active (lift); 0 for cosine
);

CREATE TABLE label_score (      -- every concept against every labelled concept, held-out images
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    labelled_id     UINTEGER NOT NULL,
    auc             DOUBLE NOT NULL,     -- chance 0.5
    n               UINTEGER NOT NULL,   -- images with a known label
    iou             DOUBLE,              -- 0..1, with the part's mask; NULL: no masks
    iou_chance      DOUBLE,              -- 0..1: what 99 of 100 shuffles of the map's tokens inside each image stay below
    iou_best        DOUBLE,              -- 0..1: of the best map with as many tokens in each image
    iou_n           UINTEGER             -- images with label and mask, of at most 300 that are looked at
);

CREATE TABLE concept_tree (     -- of banks whose concepts form a tree, a row each; other banks have none
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    parent_id       UINTEGER,            -- the coarser concept it is a part of; NULL: a root
    level           UTINYINT NOT NULL,   -- 0 at the roots
    share           DOUBLE NOT NULL,     -- share of its parent's codes that come through it, 0..1; of a root: of all roots'
    n               UINTEGER NOT NULL,   -- tokens behind the share, held-out where there are any
    PRIMARY KEY (bank_id, concept_id)
);

CREATE TABLE bank_prefix (      -- nested banks: what the first `size` concepts do on their own
    bank_id         USMALLINT NOT NULL,
    size            UINTEGER NOT NULL,   -- concepts 0..size-1; the largest is all
    r2              DOUBLE NOT NULL,     -- share of token variance that they rebuild, <= 1; the mean token has 0
    control         DOUBLE NOT NULL,     -- the same of the bank's control, its codes at the gain that fits best
    l0              DOUBLE NOT NULL,     -- mean number of their non-zero codes a token
    n               UINTEGER NOT NULL,   -- tokens behind all three, held-out where there are any
    PRIMARY KEY (bank_id, size)
);

CREATE TABLE concept_crop (     -- banks fitted on crops: the strongest crop of each of the strongest train images
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    rank            USMALLINT NOT NULL,  -- 0.. by code descending
    image_id        UINTEGER NOT NULL,
    x0              FLOAT NOT NULL,      -- the crop as fractions of the upright image's width and height;
    y0              FLOAT NOT NULL,      --   outside 0..1 where the processor pads
    x1              FLOAT NOT NULL,      -- right and
    y1              FLOAT NOT NULL,      --   lower edge
    code            FLOAT NOT NULL,      -- > 0, of the crop's mean token, in bank.code_unit
    PRIMARY KEY (bank_id, concept_id, rank)
);

CREATE TABLE subconcept (       -- parts of a concept: its strongest crops factorised again one layer earlier
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    sub_id          UTINYINT NOT NULL,   -- 0.. by share descending
    layer           VARCHAR NOT NULL,    -- dotted module name of the earlier layer
    share           DOUBLE NOT NULL,     -- of the sum of the concept's sub-codes, 0..1
    n_crops         UINTEGER NOT NULL,   -- crops of the concept on which it is the strongest part
    error           DOUBLE NOT NULL,     -- relative, 0..1: what all parts of the concept together leave out
    PRIMARY KEY (bank_id, concept_id, sub_id)
);

CREATE TABLE subconcept_crop (  -- as concept_crop
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    sub_id          UTINYINT NOT NULL,
    rank            USMALLINT NOT NULL,  -- 0.. by code descending
    image_id        UINTEGER NOT NULL,
    x0              FLOAT NOT NULL,      -- fractions, as in concept_crop
    y0              FLOAT NOT NULL,      -- upper edge
    x1              FLOAT NOT NULL,      -- right edge
    y1              FLOAT NOT NULL,      -- lower edge
    code            FLOAT NOT NULL,      -- > 0, at the earlier layer, in its activations' unit
    PRIMARY KEY (bank_id, concept_id, sub_id, rank)
);

CREATE TABLE concept_attribution ( -- what a concept's score on an image rests on, through the model; few images a concept
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    image_id        UINTEGER NOT NULL,
    method          VARCHAR NOT NULL,    -- key of core.saliency.METHODS, applied to the score
    signed          BOOLEAN NOT NULL,    -- values below zero lower the score
    map_h           USMALLINT NOT NULL,
    map_w           USMALLINT NOT NULL,
    scale           DOUBLE NOT NULL,     -- value * scale = attribution in bank.code_unit; one scale a concept and method
    value           SMALLINT[] NOT NULL, -- row-major, sign kept, never clipped
    PRIMARY KEY (bank_id, concept_id, image_id, method)
);

CREATE TABLE text_space (       -- one row where words were read: what `precompute name` needs to read others
    model           VARCHAR NOT NULL,    -- directory or hub name of the text model; "": vectors made elsewhere
    template        VARCHAR NOT NULL,    -- what the model read; {} stands for the word
    origin          VARCHAR NOT NULL,    -- file that the words are from
    width           UINTEGER NOT NULL,   -- e, numbers a vector
    joint           BOOLEAN NOT NULL,    -- tokens lie in the space, so directions are vectors of it
    words           VARCHAR[] NOT NULL,  -- some of the words the concepts' space was made with, 8 at most ...
    vectors         FLOAT[] NOT NULL     -- ... and their vectors, one after the other: by these the model is known again
);

CREATE TABLE concept_vector (   -- a concept among words; concepts with fewer than 5 images are left out
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    how             VARCHAR NOT NULL,    -- "direction": its own, without the mean image; "images": weighted mean of its
                                         --   strongest train images minus the mean of all
    n               UINTEGER NOT NULL,   -- those images; 0 for "direction"
    vector          FLOAT[] NOT NULL     -- text_space.width numbers, no unit
);

CREATE TABLE control_vector (   -- the same of nothing: shuffled images, or random directions
    bank_id         USMALLINT NOT NULL,
    draw            USMALLINT NOT NULL,  -- 0..
    vector          FLOAT[] NOT NULL     -- text_space.width numbers
);

CREATE TABLE naming (           -- how a bank's concepts were named from a vocabulary
    bank_id         USMALLINT PRIMARY KEY,
    origin          VARCHAR NOT NULL,    -- the vocabulary's file
    model           VARCHAR NOT NULL,    -- as text_space.model
    template        VARCHAR NOT NULL,    -- as text_space.template
    n_words         UINTEGER NOT NULL,   -- words to choose from
    chance          DOUBLE NOT NULL,     -- 95th percentile of the best cosine of control vectors, -1..1: a name needs more
    min_margin      DOUBLE NOT NULL,     -- and leads the second-best word by this cosine, 0..2
    n_control       UINTEGER NOT NULL,   -- control vectors
    control_named   DOUBLE NOT NULL      -- share of them that would take a name, 0..1
);

CREATE TABLE text_edit (        -- banks of words: a word taken out of held-out images' vectors, or put in
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    mode            VARCHAR NOT NULL,    -- "ablate" or "insert"
    level           DOUBLE NOT NULL,     -- the code given to every image: 0, or the 95th percentile of train images
    own             DOUBLE NOT NULL,     -- change of the cosine of the centred image with the word, mean; -2..2
    others          DOUBLE NOT NULL,     -- mean |change| of the same for the bank's other words; 0..2
    top_changes     DOUBLE,              -- share of images whose nearest class name changes, 0..1; NULL: no text model
    n               UINTEGER NOT NULL,   -- images
    PRIMARY KEY (bank_id, concept_id, mode)
);

CREATE TABLE concept_name (     -- the words nearest to a concept, whether or not it takes the first as its name
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    source          VARCHAR NOT NULL,    -- "vocabulary"
    origin          VARCHAR NOT NULL,    -- the vocabulary's file
    rank            USMALLINT NOT NULL,  -- 0.., 5 words at most
    name            VARCHAR NOT NULL,
    score           FLOAT NOT NULL,      -- cosine of concept and word, words about their mean, -1..1
    margin          FLOAT,               -- score minus that of the next word, 0..2; NULL: no next one is kept
    n               UINTEGER NOT NULL,   -- images behind the concept's vector; 0: its direction
    named           BOOLEAN NOT NULL     -- rank 0, score above naming.chance, margin at least naming.min_margin
);

CREATE TABLE quality (          -- how good a bank is; higher is better unless it says otherwise
    bank_id         USMALLINT NOT NULL,
    measure         VARCHAR NOT NULL,    -- on held-out tokens:
                                         --   "r2" share of variance rebuilt, <= 1; "relative_l2" error, low is good;
                                         --   "wasserstein" mean over channels, unit of activation, low is good;
                                         --   "ood" distance to the 10th nearest real token, same unit, low is good;
                                         --   "l0" non-zero codes a token; "hoyer" sparsity of codes, 0..1
                                         -- on held-out images: "readout" accuracy of the backbone when it reads
                                         --   reconstructions, 0..1: by its linear read-out, else by the rest of the
                                         --   network on at most 64 images
                                         -- of the directions: "coherence_max", "coherence_mean" |cosine| of pairs,
                                         --   0..1, low is good; "effective_rank" 1..min(k, d)
                                         -- of fits again (where the recipe asks), mean cosine of the best one-to-one
                                         --   matching, -1..1; |cosine|, 0..1, where codes have signs: "stability_seed"
                                         --   other seeds, the same train images; "stability_split" the same seed,
                                         --   disjoint shares of the train images. n: pairs of directions
                                         -- of imported banks, what their checkpoint states: "promised_r2",
                                         --   "promised_l0"; n is 0
                                         -- over the concepts: "dead" share, low is good; "named" share; means
                                         --   "name_auc", "iou", "separability", "monosemanticity", all 0..1 (control
                                         --   of names: random directions, each under the label that fits it best)
                                         -- of names from a vocabulary: "word_named" share of concepts with one
                                         --   (control: of control vectors); "word_agreement" share that says what
                                         --   the label-derived name says, among concepts with both
    value           DOUBLE NOT NULL,
    control         DOUBLE,              -- the same of the bank's control, see bank.control_kind; NULL: none
    chance          DOUBLE,              -- the same without information (the mean token, the largest class,
                                         --   shuffled labels); NULL: there is none
    best            DOUBLE,              -- the same of real activations; NULL: it says nothing
    n               UINTEGER NOT NULL    -- tokens, images, directions or concepts counted
);

CREATE TABLE probe (            -- can a label be read off? 5-fold cross-validated on held-out images
    bank_id         USMALLINT,           -- NULL: on plain pooled activations
    kind            VARCHAR NOT NULL,    -- "raw" logistic probe on all channels; "latent" the best single
                                         --   concept's score; "top" logistic probe on the 16 best concepts
    n_latents       UINTEGER NOT NULL,   -- channels or concepts it reads
    labelled_id     UINTEGER,            -- what is read: a labelled concept ...
    class_id        UINTEGER,            -- ... or a class; the other is NULL
    concept_id      UINTEGER,            -- "latent": the one chosen in most folds
    auc             DOUBLE NOT NULL,     -- 0..1, chance 0.5; pairs within folds
    auc_lo          DOUBLE NOT NULL,     -- 95 % interval (Newcombe's, as much wider as DeLong's error is larger)
    auc_hi          DOUBLE NOT NULL,
    gain            DOUBLE,              -- auc minus that of the "raw" probe, -1..1; NULL for "raw" itself
    gain_lo         DOUBLE,              -- 95 % interval (paired DeLong); gain_hi < 0: the plain probe wins
    gain_hi         DOUBLE,
    nap             DOUBLE NOT NULL,     -- normalised average precision, 0..1
    nap_chance      DOUBLE NOT NULL,     -- the same of a ranking without information
    n               UINTEGER NOT NULL,   -- images ranked
    n_positive      UINTEGER NOT NULL    -- of them, with the label
);

CREATE TABLE concept_probe (    -- can a label be read off this one concept? ranked on the images and folds of `probe`
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    labelled_id     UINTEGER NOT NULL,   -- concept.labelled_id, chosen on train images or given; nothing is fitted here
    auc             DOUBLE NOT NULL,     -- 0..1, chance 0.5; pairs within folds
    auc_lo          DOUBLE NOT NULL,     -- 95 % interval (Newcombe's, as much wider as DeLong's error is larger)
    auc_hi          DOUBLE NOT NULL,
    gain            DOUBLE NOT NULL,     -- auc minus that of the "raw" probe, -1..1
    gain_lo         DOUBLE NOT NULL,     -- 95 % interval (paired DeLong); gain_hi < 0: the plain probe wins
    gain_hi         DOUBLE NOT NULL,
    n               UINTEGER NOT NULL,   -- images ranked
    n_positive      UINTEGER NOT NULL,   -- of them, with the label
    PRIMARY KEY (bank_id, concept_id)
);

CREATE TABLE depth (            -- can a label be read off the pooled activations of a layer?
    layer           VARCHAR NOT NULL,    -- dotted module name
    position        USMALLINT NOT NULL,  -- 0.., in the order in which the network finishes its layers
    grid_h          USMALLINT NOT NULL,  -- token rows of the layer
    grid_w          USMALLINT NOT NULL,  -- token columns
    width           UINTEGER NOT NULL,   -- numbers a token: what the probe reads
    labelled_id     UINTEGER NOT NULL,
    auc             DOUBLE NOT NULL,     -- 0..1, chance 0.5: logistic probe, 5-fold cross-validated
    lo              DOUBLE NOT NULL,     -- 95 % interval (Newcombe's, as much wider as DeLong's error is larger)
    hi              DOUBLE NOT NULL,
    control         DOUBLE,              -- mean auc of the same probe for three labels dealt out to classes at random, 0..1; NULL: fewer than two classes
    n               UINTEGER NOT NULL,   -- images ranked
    n_positive      UINTEGER NOT NULL,   -- of them, with the label
    PRIMARY KEY (layer, labelled_id)
);

-- Heads ---------------------------------------------------------------------------------------

CREATE TABLE head (
    head_id         USMALLINT PRIMARY KEY,
    name            VARCHAR NOT NULL,    -- unique in the file
    bank_id         USMALLINT NOT NULL,
    kind            VARCHAR NOT NULL,    -- key of precompute's HEADS
    about           VARCHAR NOT NULL,    -- what it is, for people
    residual        BOOLEAN NOT NULL,    -- adds each image's rest: its unedited logits, of head_logit or, without
                                         --   rows there, the backbone's, minus the linear part at its own scores
    link            VARCHAR NOT NULL,    -- how logits become probabilities: "softmax" over all classes, or "sigmoid" of
                                         --   each label alone, so that they need not sum to 1
    linear          BOOLEAN NOT NULL,    -- FALSE: no function of the scores, has no weights and cannot be edited
    n_weights       UBIGINT NOT NULL,    -- non-zero
    gap             DOUBLE               -- duality gap of a sparse layer's fit: its penalised loss is at most this share of
                                         --   itself above the least there is (multi-label: the label fitted least well);
                                         --   NULL: the head has no such layer
);

CREATE TABLE head_weight (      -- logit(class) = bias + sum over concepts of weight * score (+ rest)
    head_id         USMALLINT NOT NULL,
    class_id        UINTEGER NOT NULL,
    concept_id      UINTEGER NOT NULL,
    weight          DOUBLE NOT NULL      -- non-zero; logit per unit of score
);

CREATE TABLE head_bias (        -- also lists the classes of the head
    head_id         USMALLINT NOT NULL,
    class_id        UINTEGER NOT NULL,
    bias            DOUBLE NOT NULL      -- logit
);

CREATE TABLE head_logit (       -- of heads whose logits neither scores nor the backbone's logits give, and of all of a multi-label set
    head_id         USMALLINT NOT NULL,
    image_id        UINTEGER NOT NULL,
    logit           FLOAT[] NOT NULL,    -- unedited, by head_bias.class_id ascending
    PRIMARY KEY (head_id, image_id)
);

CREATE TABLE head_prediction (
    head_id         USMALLINT NOT NULL,
    image_id        UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,   -- argmax; of labels that do not exclude each other the most probable
    prob            FLOAT NOT NULL       -- probability of class_id by head.link, 0..1
);

CREATE TABLE label_prediction ( -- multi-label sets: every label that an image is said to show
    head_id         USMALLINT,           -- NULL: by the backbone
    image_id        UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,
    prob            FLOAT NOT NULL       -- probability, at least label_metric.threshold (0.5 for a class without a row there); 0..1
);

CREATE TABLE label_metric (     -- multi-label sets: how well each label is told, on the images of a split where it is known
    model           VARCHAR NOT NULL,    -- "backbone", "linear probe" or head.name
    head_id         USMALLINT,           -- NULL: of no head
    split           VARCHAR NOT NULL,
    class_id        UINTEGER NOT NULL,
    n               UINTEGER NOT NULL,   -- images with and without it; where it is unknown none counts
    n_positive      UINTEGER NOT NULL,   -- of them, with it; n_positive / n is the chance of ap
    auc             DOUBLE,              -- 0..1, chance 0.5; NULL: the split has one kind only
    auc_lo          DOUBLE,              -- 95 % interval (Newcombe's, as much wider as DeLong's error is larger)
    auc_hi          DOUBLE,
    ap              DOUBLE,              -- average precision, 0..1; NULL: as auc
    ap_lo           DOUBLE,              -- 95 % interval (jackknife, on the logit scale; Boyd et al. 2013 below 3 positives)
    ap_hi           DOUBLE,              -- upper end
    threshold       DOUBLE NOT NULL,     -- probability from which on the label is said to be there, 0..1
    threshold_n     UINTEGER NOT NULL,   -- val images that it was chosen on, for the largest F1; 0: none, so 0.5
    recall          DOUBLE,              -- at the threshold, share of images with it that are said to have it, 0..1
    specificity     DOUBLE,              -- share of images without it that are said to lack it, 0..1
    predictive_value DOUBLE,             -- precision: share of those said to have it that do, 0..1; NULL: none is
    PRIMARY KEY (model, split, class_id)
);

CREATE TABLE label_mean (       -- multi-label sets: means over the labels that at least 3 images of a split show and 3 lack
    model           VARCHAR NOT NULL,    -- as in label_metric
    head_id         USMALLINT,           -- NULL: of no head
    split           VARCHAR NOT NULL,
    n               UINTEGER NOT NULL,   -- labels, > 0
    auc             DOUBLE NOT NULL,     -- mean area under the ROC curve, 0..1, chance 0.5
    auc_lo          DOUBLE NOT NULL,     -- 95 % interval (labels of one image vary together; on the logit scale)
    auc_hi          DOUBLE NOT NULL,     -- upper end
    ap              DOUBLE NOT NULL,     -- mean average precision, 0..1
    ap_lo           DOUBLE NOT NULL,     -- 95 % interval (jackknife over images, on the logit scale)
    ap_hi           DOUBLE NOT NULL,     -- upper end
    chance          DOUBLE NOT NULL,     -- of ap: the mean share of images with a label
    PRIMARY KEY (model, split)
);

CREATE TABLE accuracy (         -- top-1 per split, beside chance; empty for multi-label sets, see label_metric
    model           VARCHAR NOT NULL,    -- "backbone", "linear probe" or head.name
    split           VARCHAR NOT NULL,
    target          VARCHAR NOT NULL,    -- "label", or "backbone" where agreement with it is measured
    n               UINTEGER NOT NULL,   -- images counted
    accuracy        DOUBLE NOT NULL,     -- 0..1
    chance          DOUBLE NOT NULL      -- share of the most frequent class among the n
);

CREATE TABLE metric (           -- do the concepts exist, and are they where they should be?
    scope           VARCHAR NOT NULL,    -- what was measured: "backbone", "bank", "head" or "concept"
    head_id         USMALLINT,           -- the head, also of a concept as that head uses it; else NULL
    bank_id         USMALLINT,           -- the bank (of a head: the one it reads); NULL: the backbone
    concept_id      UINTEGER,            -- within the bank; NULL unless scope is "concept"
    name            VARCHAR NOT NULL,    -- key of core.catalogue.METRICS: formula, unit, bounds
    variant         VARCHAR NOT NULL,    -- JSON object, keys sorted, of the settings: "l" concepts an image,
                                         --   "alpha" parts' areas, "v", "compare", "denominator", "images",
                                         --   "evidence", "n" weights a class, "method", "part",
                                         --   "labels" "class" where images have none of their own; {} if none
    split           VARCHAR NOT NULL,    -- images measured on; several: joined by " + "
    value           DOUBLE NOT NULL,     -- in the definition's range: 0..1, of the three cgim -1..1, completeness any
    n               UINTEGER NOT NULL,   -- cases behind it, > 0; the definition says what is counted
    chance          DOUBLE,              -- its mean without information, same unit; NULL: none exists
    control         DOUBLE               -- the same of the bank's control in its place, see bank.control_kind; of concept
                                         --   accuracy with separators chosen on train. NULL: none drawn
);

-- What heads rest on --------------------------------------------------------------------------

CREATE TABLE explanation (      -- a head's class, over the images that the head takes for it (multi-label: label_prediction)
    head_id         USMALLINT NOT NULL,
    class_id        UINTEGER NOT NULL,
    n               UINTEGER NOT NULL,   -- those images, all splits
    logit           DOUBLE NOT NULL,     -- mean logit of the class over them
    fixed           DOUBLE NOT NULL,     -- its part that no concept brings: bias and each image's rest
    n_concepts      UINTEGER NOT NULL,   -- concepts that contribute to at least one of them
    layout          VARCHAR NOT NULL,    -- of `cluster`: "pca"
    variance        DOUBLE,              -- share of the contributions' variance that the layout keeps, 0..1; NULL: they do not vary
    PRIMARY KEY (head_id, class_id)
);

CREATE TABLE importance (       -- the 64 concepts of largest share
    head_id         USMALLINT NOT NULL,
    class_id        UINTEGER NOT NULL,
    concept_id      UINTEGER NOT NULL,
    method          VARCHAR NOT NULL,    -- key of core.importance.METHODS. Those that give on the head what "linear" gives
                                         --   are not here but in `same_importance`
    value           DOUBLE NOT NULL,     -- mean over images, in the method's unit (linear: logits; sobol: total index)
    share           DOUBLE NOT NULL,     -- sum of |value| over images, over that of all concepts; 0..1
    n               UINTEGER NOT NULL    -- images of the class explained
);

CREATE TABLE same_importance (  -- methods that were run on a head and gave what another gives, so that one is stored
    head_id         USMALLINT NOT NULL,
    method          VARCHAR NOT NULL,    -- key of core.importance.METHODS
    same_as         VARCHAR NOT NULL,    -- the method that stands for it
    difference      DOUBLE NOT NULL,     -- largest, as a share of the class's largest importance; 0..1e-9
    n               UINTEGER NOT NULL    -- images compared, held-out ones if any, evenly over the predicted classes
                                         --   (multi-label: pairs of an image and a label said of it)
);

CREATE TABLE cluster (          -- contribution vectors of images taken for a class, on a plane; at most 300 a class
    head_id         USMALLINT NOT NULL,
    class_id        UINTEGER NOT NULL,   -- predicted by the head (multi-label: said at its threshold)
    image_id        UINTEGER NOT NULL,
    x               FLOAT NOT NULL,      -- logits, along the direction of largest variance
    y               FLOAT NOT NULL,      -- along the second
    concept_id      UINTEGER,            -- adds most to the class's logit on the image; NULL: none adds anything
    value           DOUBLE NOT NULL      -- what it adds, in logits; 0 or less where none does
);

CREATE TABLE dominance (        -- how often a concept adds most to the predicted class's logit (multi-label: the most probable)
    head_id         USMALLINT NOT NULL,
    split           VARCHAR NOT NULL,
    concept_id      UINTEGER NOT NULL,
    n               UINTEGER NOT NULL,   -- images whose dominant concept it is
    prevalence      DOUBLE NOT NULL,     -- n over all images of the split, 0..1
    n_labelled      UINTEGER NOT NULL,   -- of the n, those with a label that the head knows
    reliability     DOUBLE               -- the head's accuracy on them, 0..1; NULL: none
);

CREATE TABLE fidelity (         -- do importances say what the head's logit does? mean over images
    head_id         USMALLINT NOT NULL,
    method          VARCHAR NOT NULL,    -- as in `importance`
    metric          VARCHAR NOT NULL,    -- "C-insertion", "C-deletion" (share of how far all concepts together
                                         --   move the logit) or "C-muFidelity" (correlation, -1..1)
    value           DOUBLE NOT NULL,     -- C-deletion: small is good; the others: large
    random          DOUBLE NOT NULL,     -- the same for the head's concepts in random order
    control         DOUBLE,              -- the same for a head of the same kind, fitted again on the bank's control, see
                                         --   bank.control_kind, its concepts in the method's
                                         --   order. NULL: such a head cannot be fitted (kinds "backbone" and "imported",
                                         --   which are not fitted, and "energy"), or there are as many directions as an
                                         --   activation has numbers, which leave nothing out
    n               UINTEGER NOT NULL    -- images, held-out ones if any, evenly over the predicted classes (multi-label:
                                         --   pairs of an image and a label said of it, evenly over the labels)
);

-- What the backbone's own logits rest on, where they are no linear map of the mean token -----------

CREATE TABLE backbone_explanation ( -- images whose logit was explained, by banks that reconstruct; recipe: [effects] explained
    bank_id         USMALLINT NOT NULL,
    image_id        UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,   -- predicted by the backbone (multi-label: the most probable)
    logit           DOUBLE NOT NULL,     -- of the class
    without         DOUBLE NOT NULL,     -- the same with every concept taken out at every token, what the bank does not
                                         --   rebuild kept: the rest of the network was run again
    n_concepts      UINTEGER NOT NULL,   -- concepts that are active on the image
    PRIMARY KEY (bank_id, image_id)
);

CREATE TABLE backbone_importance ( -- of each of these images; a pair that is not listed is 0
    bank_id         USMALLINT NOT NULL,
    image_id        UINTEGER NOT NULL,
    concept_id      UINTEGER NOT NULL,
    method          VARCHAR NOT NULL,    -- key of core.importance.METHODS but "linear". A costly one varies only the 12
                                         --   concepts of the image with the largest integrated gradients
    value           DOUBLE NOT NULL,     -- in the method's unit (sobol: total index; else logits)
    share           DOUBLE NOT NULL,     -- |value| over that of all concepts of the image, 0..1
    PRIMARY KEY (bank_id, image_id, concept_id, method)
);

CREATE TABLE backbone_fidelity ( -- do these importances say what the logit does? mean over images
    bank_id         USMALLINT NOT NULL,
    method          VARCHAR NOT NULL,    -- as in `backbone_importance`
    metric          VARCHAR NOT NULL,    -- as in `fidelity`
    value           DOUBLE NOT NULL,     -- C-deletion: small is good; the others: large
    random          DOUBLE NOT NULL,     -- the same for the concepts in random order
    control         DOUBLE,              -- the same of the bank's control, see bank.control_kind, where it rebuilds the
                                         --   tokens; NULL: the metric says nothing of them
    n               UINTEGER NOT NULL    -- images
);

-- What editing a latent does to the backbone itself -----------------------------------------------

CREATE TABLE effect (           -- of the latents with most energy of every bank that reconstructs
    effect_id       UINTEGER PRIMARY KEY,
    bank_id         USMALLINT NOT NULL,
    concept_id      UINTEGER NOT NULL,
    mode            VARCHAR NOT NULL,    -- one of core.intervention.sae_edits.MODES, or "gated": ablate where detected
    strength        DOUBLE,              -- scale: factor; clamp: the code given to every token, in bank.code_unit; else NULL
    labelled_id     UINTEGER,            -- suppress and gated: the labelled concept that is to go; else NULL
    images          VARCHAR NOT NULL,    -- "active": those with the highest score, "silent": the lowest; "both"
    exact           BOOLEAN NOT NULL,    -- by a linear read-out; else the rest of the network was run again
    n               UINTEGER NOT NULL,   -- images, > 0
    n_edited        UINTEGER NOT NULL,   -- those of them whose codes the edit changes
    change          DOUBLE NOT NULL,     -- of the logit of the class predicted before (multi-label: the most probable), mean over the n
    flipped         DOUBLE NOT NULL,     -- share of the n whose predicted class changes (multi-label: any label at its threshold), 0..1
    control_change  DOUBLE NOT NULL,     -- both for the same step along a random direction of equal length
    control_flipped DOUBLE NOT NULL      -- 0..1
);

CREATE TABLE effect_class (     -- the 10 classes whose logits an edit moves most
    effect_id       UINTEGER NOT NULL,
    class_id        UINTEGER NOT NULL,
    change          DOUBLE NOT NULL      -- of the class's logit, mean over effect.n images
);

-- Saliency ------------------------------------------------------------------------------------

CREATE TABLE saliency (         -- of the backbone's predicted class (multi-label: the most probable)
    image_id        UINTEGER NOT NULL,
    method          VARCHAR NOT NULL,
    class_id        UINTEGER NOT NULL,   -- the class explained
    map_h           USMALLINT NOT NULL,
    map_w           USMALLINT NOT NULL,
    scale           DOUBLE NOT NULL,     -- value * scale = saliency in the method's unit
    value           SMALLINT[] NOT NULL, -- row-major, sign kept, never clipped
    PRIMARY KEY (image_id, method)
);
