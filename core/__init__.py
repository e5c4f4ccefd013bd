"""What is true: the mathematics of concepts, maps, heads and interventions.

No SQL, no Streamlit, no file system. One letter, one meaning, in every shape annotation:

    b batch · n samples · t tokens · h w grid · H W pixels · d activation
    k concepts · y classes · l labelled concepts
"""
