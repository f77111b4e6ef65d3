import java.io.FileInputStream;
import java.security.cert.CRL;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateFactory;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.TrustAnchor;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** java Verify.java ROOT LEAF,INTERMEDIATE... CRL...: says `valid`, or why the chain is not. */
public class Verify {
  public static void main(String[] arguments) throws Exception {
    CertificateFactory factory = CertificateFactory.getInstance("X.509");
    X509Certificate root = certificate(factory, arguments[0]);
    List<X509Certificate> chain = new ArrayList<>();
    for (String path : arguments[1].split(",")) {
      chain.add(certificate(factory, path));
    }
    List<CRL> crls = new ArrayList<>();
    for (String path : Arrays.asList(arguments).subList(2, arguments.length)) {
      try (FileInputStream file = new FileInputStream(path)) {
        crls.add(factory.generateCRL(file));
      }
    }
    CertPath path = factory.generateCertPath(chain);
    PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(root, null)));
    parameters.setRevocationEnabled(true);
    parameters.addCertStore(
        CertStore.getInstance("Collection", new CollectionCertStoreParameters(crls)));
    try {
      CertPathValidator.getInstance("PKIX").validate(path, parameters);
      System.out.println("valid");
    } catch (CertPathValidatorException error) {
      System.out.println("invalid at " + error.getIndex() + ": " + error.getReason());
    }
  }

  private static X509Certificate certificate(CertificateFactory factory, String path)
      throws Exception {
    try (FileInputStream file = new FileInputStream(path)) {
      return (X509Certificate) factory.generateCertificate(file);
    }
  }
}
